#include "cli/run_mpirun.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <string_view>

#include "partialfc/base/error.h"
#include "partialfc/launch/child_process.h"

namespace partialfc {

namespace {

constexpr std::array kHandedOn = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

// What a signal handler can reach is global.
std::atomic<int> signal_that_came = 0;
std::atomic<pid_t> running_mpirun = 0;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<pid_t>::is_always_lock_free);

extern "C" void hand_on(int number) {
  const int error = errno;
  signal_that_came = number;
  if (const pid_t mpirun = running_mpirun; mpirun > 0) ::kill(mpirun, number);
  errno = error;
}

extern "C" void stay_alive(int) {}

void set_handlers() {
  struct sigaction action {};
  action.sa_handler = hand_on;
  for (const int number : kHandedOn) {
    struct sigaction before {};
    ::sigaction(number, nullptr, &before);
    if (before.sa_handler != SIG_IGN) ::sigaction(number, &action, nullptr);  // nohup's wish is kept
  }
  // Where nobody reads what mpirun says any more, the run goes on. (SIG_IGN, unlike a handler, mpirun would inherit.)
  action.sa_handler = stay_alive;
  ::sigaction(SIGPIPE, &action, nullptr);
}

// While it lives, the signals wait.
class SignalsHeld {
 public:
  SignalsHeld() {
    sigset_t held;
    ::sigemptyset(&held);
    for (const int number : kHandedOn) ::sigaddset(&held, number);
    ::sigprocmask(SIG_BLOCK, &held, &before_);
  }
  ~SignalsHeld() { release(); }
  void release() const { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

struct Pipe {
  Pipe() {
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("cannot make a pipe for mpirun: {}", errno_text(errno));
  }
  ~Pipe() {
    ::close(ends[0]);
    close_writing();
  }
  void close_writing() {
    if (ends[1] >= 0) ::close(ends[1]);
    ends[1] = -1;
  }
  std::array<int, 2> ends = {-1, -1};  // to read, to write
};

// In the child of the fork: becomes mpirun, or says by errno why it cannot.
[[noreturn]] void become_mpirun(const std::vector<std::string>& command, pid_t launch, int err, int failed,
                                const SignalsHeld& held) {
  ::setpgid(0, 0);
  for (const int number : kHandedOn) {
    struct sigaction action {};
    ::sigaction(number, nullptr, &action);
    if (action.sa_handler == SIG_IGN) continue;
    ::signal(number, SIG_IGN);  // forgets what waits: launch has it too, and hands it on
    ::signal(number, SIG_DFL);
  }
  held.release();
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != launch) ::_exit(1);  // it has died meanwhile
  ::dup2(err, STDERR_FILENO);
  const int code = become_program(command);
  [[maybe_unused]] const ssize_t written = ::write(failed, &code, sizeof code);
  ::_exit(1);
}

// Its standard error is the pipe.
pid_t start_mpirun(const std::vector<std::string>& command, Pipe& err) {
  Pipe failed;
  const SignalsHeld held;
  const int came_before = signal_that_came;
  const pid_t launch = ::getpid();
  const pid_t id = ::fork();
  if (id < 0) fail("{}: cannot start it: {}", command[0], errno_text(errno));
  if (id == 0) become_mpirun(command, launch, err.ends[1], failed.ends[1], held);
  err.close_writing();
  failed.close_writing();
  int code = 0;
  if (::read(failed.ends[0], &code, sizeof code) == sizeof code) {
    ::waitpid(id, nullptr, 0);
    fail("{}: cannot start it: {}: install Open MPI (Debian: openmpi-bin)", command[0], errno_text(code));
  }
  running_mpirun = id;
  if (came_before != 0) ::kill(id, came_before);
  return id;
}

// mpirun puts "[1,RANK]<stderr>:" before what ranks say.
bool tells_of_a_lost_host(std::string_view line) {
  return !line.starts_with('[') && line.find("has lost communication with a remote daemon") != line.npos;
}

// Passes on what mpirun says, and reads along.
class ErrorOutput {
 public:
  enum class Came { kText, kNothing, kEnd };

  // Waits for text at most so long (ms).
  Came pass_on(int descriptor, int longest) {
    pollfd ready = {.fd = descriptor, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, longest) <= 0) return Came::kNothing;
    std::array<char, 4096> buffer;
    const ssize_t n = ::read(descriptor, buffer.data(), buffer.size());
    if (n <= 0) return n < 0 && errno == EINTR ? Came::kNothing : Came::kEnd;
    const std::string_view text(buffer.data(), static_cast<size_t>(n));
    write_all(text);
    read_along(text);
    return Came::kText;
  }
  bool host_lost() const { return host_lost_; }

 private:
  static void write_all(std::string_view text) {
    while (!text.empty()) {
      const ssize_t done = ::write(STDERR_FILENO, text.data(), text.size());
      if (done > 0) text.remove_prefix(static_cast<size_t>(done));
      if (done < 0 && errno != EINTR) return;  // nobody is there to be told
    }
  }
  void read_along(std::string_view text) {
    for (const char letter : text) {
      if (letter != '\n') {
        line_ += letter;
        continue;
      }
      host_lost_ |= tells_of_a_lost_host(line_);
      line_.clear();
    }
  }

  std::string line_;
  bool host_lost_ = false;
};

}  // namespace

int run_mpirun(const std::vector<std::string>& command) {
  set_handlers();
  Pipe err;
  const pid_t id = start_mpirun(command, err);
  ErrorOutput output;
  int status = 0;
  bool ended = false;
  // mpirun's end is the pipe's, unless an ssh to a lost host outlives it.
  for (auto came = ErrorOutput::Came::kText; came != ErrorOutput::Came::kEnd;) {
    came = output.pass_on(err.ends[0], ended ? 0 : 1000);
    if (ended && came == ErrorOutput::Came::kNothing) break;
    ended = ended || ::waitpid(id, &status, WNOHANG) == id;
  }
  while (!ended) ended = ::waitpid(id, &status, 0) == id;
  running_mpirun = 0;
  const int exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (exit_code != 0 || !output.host_lost()) return exit_code;
  fmt::print(stderr, "launch: mpirun ends with exit code 0, but has lost a host: taken for {}\n", kHostLost);
  return kHostLost;
}

bool mpirun_was_asked_to_stop() { return signal_that_came != 0; }

}  // namespace partialfc
