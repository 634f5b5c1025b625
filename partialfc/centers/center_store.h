// Where the rows of the class centers are.
//
// A row is a record of one number format: the center w (D), then the optimizer's state of that center (momentum m (D)
// for SGD; first and second moment, 2·D, for AdamW). A store holds the rows of the positions positions.first …
// positions.last − 1, those of one rank.
//
// A row comes to life when it is first located: its center then is N(0, 0.01), a function of (seed, class id), its
// state zero. Until then it costs nothing. A slot is a row's place in the store; walking slots in rising order walks
// memory, or the disk, forward.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "partialfc/base/matrix.h"
#include "partialfc/base/parallel.h"
#include "partialfc/base/precision.h"
#include "partialfc/centers/class_placement.h"

namespace partialfc {

constexpr float kCenterSigma = 0.01f;

// The value of a class center before any step. center: (D).
void initial_center(uint64_t seed, int64_t class_id, std::span<float> center);

// A record: [w | states], each `dim` numbers.
struct RecordLayout {
  int64_t dim = 0;  // D
  int states = 1;
  Precision precision = Precision::kFloat32;

  int64_t numbers() const { return (1 + states) * dim; }
  int64_t bytes() const { return numbers() * size_of(precision); }
};

class CenterStore {
 public:
  CenterStore(const ClassPlacement& placement, Range positions, const RecordLayout& layout, uint64_t seed);
  virtual ~CenterStore() = default;

  Range positions() const { return positions_; }  // of this rank
  const RecordLayout& layout() const { return layout_; }
  virtual int64_t rows_alive() const = 0;

  // slots[i] ← the slot of positions[i], distinct positions; rows that do not live yet come to life. Not thread-safe.
  virtual void locate(std::span<const int64_t> positions, std::span<int64_t> slots, ThreadTeam& team) = 0;

  // Tells that the rows of these positions will soon be pinned, so that they can be fetched meanwhile.
  virtual void expect(std::span<const int64_t> positions) {}

  // records[i] ← the address of the record in slots[i], rising slots: readable and writable until unpin(). A row may be
  // pinned twice: it has one address. Threads may write different records at once.
  virtual void pin(std::span<const int64_t> slots, std::span<std::byte*> records) = 0;
  // Ends one pin of these slots. changed: their records were written.
  virtual void unpin(std::span<const int64_t> slots, bool changed) = 0;

  // Positions of the living rows inside `range`, rising: what a checkpoint holds.
  virtual std::vector<int64_t> living_positions(Range range) const = 0;

  // rows[i] ← the first rows.cols numbers of the record in slots[i]: D for the center, layout().numbers() for all.
  void read(std::span<const int64_t> slots, MatrixView<float> rows);
  // The record in slots[i] ← rows[i], (slots, layout().numbers()), rounded to the nearest of its format.
  void write(std::span<const int64_t> slots, MatrixView<const float> rows);

 protected:
  // record ← the first record of the class at `position`; the state's bytes are zero already.
  void initialize(int64_t position, std::byte* record) const;

 private:
  const ClassPlacement placement_;
  const Range positions_;
  const RecordLayout layout_;
  const uint64_t seed_;
};

// All rows in this process's memory, dense in order of first touch, on huge pages.
std::unique_ptr<CenterStore> make_memory_store(const ClassPlacement& placement, Range positions,
                                               const RecordLayout& layout, uint64_t seed);

}  // namespace partialfc
