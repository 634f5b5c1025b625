#include "partialfc/comm/request.h"

#include <chrono>
#include <exception>

namespace partialfc {

Request::Request(std::unique_ptr<Operation> operation)
    : operation_(std::move(operation)), exceptions_at_start_(std::uncaught_exceptions()) {}

Request& Request::operator=(Request&& other) noexcept {
  if (this != &other) {
    settle();
    operation_ = std::move(other.operation_);
    waited_ = std::move(other.waited_);
    exceptions_at_start_ = other.exceptions_at_start_;
  }
  return *this;
}

bool Request::finished() {
  if (operation_ && operation_->finished()) operation_.reset();
  return !operation_;
}

void Request::wait() {
  const auto operation = std::move(operation_);
  if (!operation) return;
  const auto began = std::chrono::steady_clock::now();
  operation->wait();
  if (waited_) *waited_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

void Request::come_before(Stream& stream) {
  if (operation_) operation_->come_before(stream);
}

void Request::then(Stream& stream) {
  come_before(stream);
  operation_.reset();
}

void Request::settle() noexcept {
  if (std::uncaught_exceptions() > exceptions_at_start_) {
    operation_.reset();
    return;
  }
  try {
    wait();
  } catch (...) {
    // The group has failed: its next operation says so.
  }
}

}  // namespace partialfc
