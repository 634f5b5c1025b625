#include "partialfc/comm/mpi_engine.h"

namespace partialfc {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::milliseconds;

// Between two rounds of the progress thread, with operations under way and without.
constexpr microseconds kBusyInterval(50);
constexpr milliseconds kIdleInterval(20);
// How long a waiting rank polls without a pause, and the pause after that.
constexpr microseconds kPollTime(200);
constexpr microseconds kPollPause(10);
constexpr milliseconds kAnswerTime(2000);
constexpr int kQuestionTag = 0;

}  // namespace

void check_mpi(int code, const char* function) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  fail("{} failed: {}", function, std::string(text, length));
}

MpiEngine::MpiEngine(Communicator::Options options) : timeout_(options.timeout) {
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
  MPI_Comm host = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &host),
            "MPI_Comm_split_type");
  MPI_Comm_size(host, &ranks_on_host_);
  MPI_Comm_free(&host);
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &status_), "MPI_Comm_dup");
  progress_ = std::thread([this] { run_progress_thread(); });
}

MpiEngine::~MpiEngine() { end_progress_thread(); }

int MpiEngine::add_channel(const std::string& name) {
  std::lock_guard lock(mutex_);
  throw_if_stopped();
  Channel channel;
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &channel.communicator), "MPI_Comm_dup");
  channel.lane = std::make_unique<TraceLane>(rank_, "comm " + name);
  channels_.push_back(std::move(channel));
  return static_cast<int>(channels_.size()) - 1;
}

std::pair<std::shared_ptr<MpiEngine::Pending>, int64_t> MpiEngine::start(
    int channel_index, const CollectiveCall& call, const std::function<int(MPI_Comm, MPI_Request*)>& issue) {
  std::lock_guard lock(mutex_);
  throw_if_stopped();
  PFC_CHECK(!ended_, "{} after the end of the MPI session", describe(call));
  Channel& channel = channels_[channel_index];
  channel.position.started += 1;
  channel.position.last = call;
  auto pending = std::make_shared<Pending>();
  pending->call = call;
  pending->lane = channel.lane.get();
  pending->began = TraceLane::begin();
  check_mpi(issue(channel.communicator, &pending->request), name_of(call.collective));
  pending_.push_back(pending);
  if (pending_.size() == 1) wake_.notify_one();
  return {pending, channel.position.started};
}

bool MpiEngine::finished(Pending& pending) {
  std::lock_guard lock(mutex_);
  if (!pending.done) {
    throw_if_stopped();
    test(pending);
  }
  return pending.done;
}

bool MpiEngine::wait_for(Pending& pending, Clock::time_point deadline) {
  const auto begin = Clock::now();
  while (!finished(pending)) {
    const auto now = Clock::now();
    if (now >= deadline) return false;
    if (now - begin > kPollTime) std::this_thread::sleep_for(kPollPause);
  }
  return true;
}

std::vector<std::optional<Position>> MpiEngine::ask_positions(int channel) {
  std::vector<std::optional<Position>> positions(size_);
  std::vector<StatusMessage> answers(size_);
  std::vector<MPI_Request> requests(size_, MPI_REQUEST_NULL);
  std::unique_lock lock(mutex_);
  throw_if_stopped();
  positions[rank_] = channels_[channel].position;
  const int answer_tag = next_answer_tag_++;
  for (int r = 0; r < size_; ++r) {
    if (r == rank_) continue;
    check_mpi(MPI_Irecv(&answers[r], sizeof(StatusMessage), MPI_BYTE, r, answer_tag, status_, &requests[r]),
              "MPI_Irecv");
    send(r, kQuestionTag, {channel, answer_tag, {}});
  }
  int all_here = 0;
  for (const auto deadline = Clock::now() + kAnswerTime; !all_here && Clock::now() < deadline;) {
    lock.unlock();
    std::this_thread::sleep_for(milliseconds(1));
    lock.lock();
    throw_if_stopped();
    check_mpi(MPI_Testall(size_, requests.data(), &all_here, MPI_STATUSES_IGNORE), "MPI_Testall");
  }
  for (int r = 0; r < size_; ++r) {
    if (r == rank_) continue;
    MPI_Status status{};
    int cancelled = 0;
    if (requests[r] != MPI_REQUEST_NULL) {
      MPI_Cancel(&requests[r]);
      MPI_Wait(&requests[r], &status);
      MPI_Test_cancelled(&status, &cancelled);
    }
    if (!cancelled) positions[r] = answers[r].position;
  }
  return positions;
}

void MpiEngine::stop(const std::string& why) {
  std::lock_guard lock(mutex_);
  if (stopped_.empty()) stopped_ = why;
}

void MpiEngine::abandon(const Pending& pending, const std::string& why) {
  std::lock_guard lock(mutex_);
  if (!pending.done && stopped_.empty()) stopped_ = why;
}

bool MpiEngine::close() {
  bool all_closed = false;
  try {
    Pending barrier;
    {
      std::lock_guard lock(mutex_);
      throw_if_stopped();
      advance();
      PFC_CHECK(pending_.empty(), "the MPI session ends before its operations");
      closing_ = true;
      check_mpi(MPI_Ibarrier(status_, &barrier.request), "MPI_Ibarrier");
    }
    all_closed = wait_for(barrier, Clock::time_point::max());
  } catch (const std::exception& error) {
    stop(error.what());
  }
  end_progress_thread();
  if (!all_closed) return false;
  for (Channel& channel : channels_) MPI_Comm_free(&channel.communicator);
  MPI_Comm_free(&status_);
  return true;
}

void MpiEngine::abort(int exit_code) {
  // If the lock is held for that long, its holder hangs in MPI: end all the same.
  std::unique_lock lock(mutex_, std::chrono::seconds(1));
  MPI_Abort(MPI_COMM_WORLD, exit_code);
  fail("MPI_Abort has returned");
}

void MpiEngine::run_progress_thread() {
  std::unique_lock lock(mutex_);
  while (!ended_) {
    try {
      if (stopped_.empty()) advance();
    } catch (const std::exception& error) {
      stopped_ = error.what();
    }
    if (pending_.empty() || !stopped_.empty()) wake_.wait_for(lock, kIdleInterval);
    lock.unlock();
    std::this_thread::sleep_for(kBusyInterval);
    lock.lock();
  }
}

void MpiEngine::end_progress_thread() {
  if (!progress_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    wake_.notify_one();
  }
  progress_.join();
}

void MpiEngine::throw_if_stopped() const {
  if (!stopped_.empty()) throw Error(stopped_);
}

void MpiEngine::test(Pending& pending) {
  int flag = 0;
  check_mpi(MPI_Test(&pending.request, &flag, MPI_STATUS_IGNORE), "MPI_Test");
  pending.done = flag != 0;
  if (pending.done && pending.lane)
    pending.lane->add_in_turn(name_of(pending.call.collective), pending.began, pending.call.bytes());
}

void MpiEngine::advance() {
  for (const auto& pending : pending_)
    if (!pending->done) test(*pending);
  std::erase_if(pending_, [](const auto& pending) { return pending->done; });
  while (!sent_.empty()) {
    int flag = 0;
    check_mpi(MPI_Test(&sent_.front().request, &flag, MPI_STATUS_IGNORE), "MPI_Test");
    if (!flag) break;
    sent_.pop_front();
  }
  answer_questions();
}

void MpiEngine::answer_questions() {
  for (;;) {
    int asked = 0;
    MPI_Status from{};
    check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, kQuestionTag, status_, &asked, &from), "MPI_Iprobe");
    if (!asked) return;
    StatusMessage message;
    check_mpi(MPI_Recv(&message, sizeof(message), MPI_BYTE, from.MPI_SOURCE, kQuestionTag, status_,
                       MPI_STATUS_IGNORE),
              "MPI_Recv");
    // The peer may be on a channel that this rank has yet to open.
    if (message.channel < static_cast<int>(channels_.size()))
      message.position = channels_[message.channel].position;
    message.position.ended = closing_;
    send(from.MPI_SOURCE, message.answer_tag, message);
  }
}

void MpiEngine::send(int rank, int tag, const StatusMessage& message) {
  SentMessage& sent = sent_.emplace_back();
  sent.message = message;
  check_mpi(MPI_Isend(&sent.message, sizeof(StatusMessage), MPI_BYTE, rank, tag, status_, &sent.request),
            "MPI_Isend");
}

}  // namespace partialfc
