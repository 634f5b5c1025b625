#include "cli/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"

namespace partialfc {

namespace {

void send_to_file(int descriptor, const char* path) {
  const int file = ::open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (file < 0 || ::dup2(file, descriptor) < 0) ::_exit(126);
  ::close(file);
}

void limit_files(int64_t bytes) {
  const rlimit limit{static_cast<rlim_t>(bytes), static_cast<rlim_t>(bytes)};
  // Ignored, the signal leaves write() to fail.
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0 || ::signal(SIGXFSZ, SIG_IGN) == SIG_ERR) ::_exit(126);
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& command, const Options& options)
    : out_(options.folder / "child.out"),
      err_(options.folder / "child.err"),
      began_(std::chrono::steady_clock::now()) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  id_ = ::fork();
  if (id_ < 0) fail("{}: cannot fork: {}", command[0], errno_text(errno));
  if (id_ > 0) return;
  send_to_file(STDOUT_FILENO, out_.c_str());
  send_to_file(STDERR_FILENO, err_.c_str());
  if (options.largest_file > 0) limit_files(options.largest_file);
  if (::chdir(options.folder.c_str()) == 0) ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

ChildProcess::~ChildProcess() {
  if (id_ > 0) wait(std::chrono::seconds(0));
}

void ChildProcess::send(int signal_number) const { ::kill(id_, signal_number); }

ChildResult ChildProcess::wait(std::chrono::seconds longest) {
  PFC_CHECK(id_ > 0, "waited for already");
  const auto deadline = std::chrono::steady_clock::now() + longest;
  int status = 0;
  rusage usage{};
  while (::wait4(id_, &status, WNOHANG, &usage) == 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      send(SIGKILL);
      ::wait4(id_, &status, 0, &usage);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  id_ = -1;
  ChildResult result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.peak_memory = int64_t{usage.ru_maxrss} * 1024;
  result.out = read_text_file(out_);
  result.err = read_text_file(err_);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  return result;
}

}  // namespace partialfc
