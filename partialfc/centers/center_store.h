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
#include <span>
#include <vector>

#include "partialfc/base/matrix.h"
#include "partialfc/base/parallel.h"
#include "partialfc/base/precision.h"
#include "partialfc/centers/class_placement.h"

namespace partialfc {

constexpr float kCenterSigma = 0.01f;

// What the first value of a center is drawn by, with the class's id.
uint64_t center_key(uint64_t seed);
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
  // Every slot in use is below it.
  virtual int64_t slot_bound() const { return rows_alive(); }

  // slots[i] ← the slot of positions[i], distinct positions; rows that do not live yet come to life. Not thread-safe.
  virtual void locate(std::span<const int64_t> positions, std::span<int64_t> slots, ThreadTeam& team) = 0;

  // Tells that the rows of these positions will soon be in use, so that they can be fetched meanwhile.
  virtual void expect(std::span<const int64_t> positions) {}

  // Positions of the living rows inside `range`, rising: what a checkpoint holds.
  virtual std::vector<int64_t> living_positions(Range range) const = 0;

  // records ← the records in these slots behind one another, layout().bytes() each; distinct slots in any order.
  virtual void read_records(std::span<const int64_t> slots, std::span<std::byte> records,
                            ThreadTeam& team) = 0;
  // The records in these slots ← records.
  virtual void write_records(std::span<const int64_t> slots, std::span<const std::byte> records,
                             ThreadTeam& team) = 0;

  // The same as numbers: rows[i] ← the record in slots[i], (slots, layout().numbers()).
  void read(std::span<const int64_t> slots, MatrixView<float> rows);
  // The record in slots[i] ← rows[i], rounded to the nearest of its format.
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

// Is told which rows will change, before they do: for snapshots, and for what a checkpoint has to write.
class RowObserver {
 public:
  virtual ~RowObserver() = default;
  virtual void before_change(std::span<const int64_t> slots) = 0;  // distinct, in any order
};

}  // namespace partialfc
