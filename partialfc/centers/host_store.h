// Class centers in this process's memory, or on their way through it: rows that have an address.
#pragma once

#include <memory>

#include "partialfc/centers/center_store.h"

namespace partialfc {

class HostCenterStore : public CenterStore {
 public:
  using CenterStore::CenterStore;

  // records[i] ← the address of the record in slots[i], rising slots: readable and writable until unpin(). A row may be
  // pinned twice: it has one address. Threads may write different records at once.
  virtual void pin(std::span<const int64_t> slots, std::span<std::byte*> records) = 0;
  // Ends one pin of these slots. changed: their records were written.
  virtual void unpin(std::span<const int64_t> slots, bool changed) = 0;
  // How many of the first of these rising slots can be pinned at once, beside what is pinned.
  virtual int64_t pinnable(std::span<const int64_t> slots) const { return std::ssize(slots); }

  void read_records(std::span<const int64_t> slots, std::span<std::byte> records, ThreadTeam& team) override;
  void write_records(std::span<const int64_t> slots, std::span<const std::byte> records,
                     ThreadTeam& team) override;

 private:
  template <class Visit>
  void visit_records(std::span<const int64_t> slots, bool changed, ThreadTeam& team, Visit visit);
};

// All rows in memory, dense in order of first touch, on huge pages.
std::unique_ptr<HostCenterStore> make_memory_store(const ClassPlacement& placement, Range positions,
                                                   const RecordLayout& layout, uint64_t seed);

}  // namespace partialfc
