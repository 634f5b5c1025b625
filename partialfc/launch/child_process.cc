#include "partialfc/launch/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <thread>
#include <utility>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

int unnamed_file() {
  const int descriptor = ::memfd_create("output of a child", MFD_CLOEXEC);
  if (descriptor < 0) fail("cannot create a file in memory for a child's output: {}", errno_text(errno));
  return descriptor;
}

// As exec and spawn want them, a null at the end.
std::vector<char*> pointers_to(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  return arguments;
}

std::string text_of(int descriptor) {
  std::string text(static_cast<size_t>(::lseek(descriptor, 0, SEEK_END)), '\0');
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::pread(descriptor, text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (n <= 0) fail("cannot read a child's output: {}", errno_text(errno));
    done += static_cast<size_t>(n);
  }
  return text;
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& command, const Options& options)
    : began_(std::chrono::steady_clock::now()) {
  std::vector<char*> arguments = pointers_to(command);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (options.capture) {
    out_ = unnamed_file();
    err_ = unnamed_file();
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, out_, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, err_, STDERR_FILENO);
  }
  if (!options.folder.empty()) ::posix_spawn_file_actions_addchdir_np(&actions, options.folder.c_str());
  const int code = ::posix_spawnp(&id_, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (code != 0) {  // the destructor will not run
    if (out_ >= 0) ::close(out_);
    if (err_ >= 0) ::close(err_);
    fail("{}: cannot start it: {}", command[0], errno_text(code));
  }
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : began_(other.began_),
      out_(std::exchange(other.out_, -1)),
      err_(std::exchange(other.err_, -1)),
      id_(std::exchange(other.id_, -1)) {}

ChildProcess::~ChildProcess() {
  if (id_ > 0) {
    send(SIGKILL);
    ::waitpid(id_, nullptr, 0);
  }
  if (out_ >= 0) ::close(out_);
  if (err_ >= 0) ::close(err_);
}

void ChildProcess::send(int signal_number) const { ::kill(id_, signal_number); }

ChildResult ChildProcess::wait(std::chrono::seconds longest) {
  PFC_CHECK(id_ > 0, "waited for already");
  int status = 0;
  rusage usage{};
  if (longest == kForever) {
    while (::wait4(id_, &status, 0, &usage) < 0 && errno == EINTR) {
    }
  } else {
    const auto deadline = std::chrono::steady_clock::now() + longest;
    while (::wait4(id_, &status, WNOHANG, &usage) == 0) {
      if (std::chrono::steady_clock::now() > deadline) {
        send(SIGKILL);
        ::wait4(id_, &status, 0, &usage);
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  id_ = -1;
  ChildResult result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.peak_memory = int64_t{usage.ru_maxrss} * 1024;
  if (out_ >= 0) result.out = text_of(out_);
  if (err_ >= 0) result.err = text_of(err_);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  return result;
}

int become_program(const std::vector<std::string>& command) {
  ::execvp(command[0].c_str(), pointers_to(command).data());
  return errno;
}

}  // namespace partialfc
