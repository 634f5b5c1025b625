// Where the rows of the class centers are.
//
// A row is a record of `record_size` float32: the center w (D) followed by the optimizer's state of that center
// (momentum m (D) for SGD; first and second moment, 2·D, for AdamW). A store holds the rows of the positions
// positions.first … positions.last − 1, those of one rank.
//
// A row comes to life when it is first located: its center then is N(0, 0.01), a function of (seed, class id), its
// state zero. Until then it costs nothing. A slot is a row's place in the store; walking slots in rising order walks
// memory, or the disk, forward.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "partialfc/base/matrix.h"
#include "partialfc/base/parallel.h"
#include "partialfc/centers/class_placement.h"

namespace partialfc {

constexpr float kCenterSigma = 0.01f;

// The value of a class center before any step. center: (D).
void initial_center(uint64_t seed, int64_t class_id, std::span<float> center);

class CenterStore {
 public:
  virtual ~CenterStore() = default;

  virtual Range positions() const = 0;      // of this rank
  virtual int64_t dim() const = 0;          // D
  virtual int64_t record_size() const = 0;  // float32 a row, >= D
  virtual int64_t rows_alive() const = 0;

  // slots[i] ← the slot of positions[i], distinct positions; rows that do not live yet come to life. Not thread-safe.
  virtual void locate(std::span<const int64_t> positions, std::span<int64_t> slots, ThreadTeam& team) = 0;

  // rows[i] ← the first rows.cols float32 of the record in slots[i]: D for the centers, record_size() for all.
  // Threads may gather and scatter at once as long as they write different slots.
  virtual void gather(std::span<const int64_t> slots, MatrixView<float> rows) const = 0;
  // The record in slots[i] ← rows[i], (slots, record_size()).
  virtual void scatter(std::span<const int64_t> slots, MatrixView<const float> rows) = 0;

  // Positions of the living rows inside `range`, rising: what a checkpoint holds.
  virtual std::vector<int64_t> living_positions(Range range) const = 0;
};

// All rows in this process's memory, dense in order of first touch, on huge pages.
std::unique_ptr<CenterStore> make_memory_store(const ClassPlacement& placement, Range positions, int64_t dim,
                                               int64_t record_size, uint64_t seed);

}  // namespace partialfc
