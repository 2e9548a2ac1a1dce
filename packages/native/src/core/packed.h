// Packed forms of weights, kept per process: threads that share a block share its packed forms too. They are derived
// data: dropped when the block is written in place or dies.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ts {

struct PackedKey {
  const void* weight;
  int64_t rows, cols;
  int dtype, compute;
  bool across = false;  // a column of the weight, not a row, makes an output
  bool operator==(const PackedKey&) const = default;
};

struct PackedLookup {
  void* data;        // with a reference for the caller to release(), or null
  bool wanted;       // no form yet and worth making: pack, then packed_insert
  uint64_t version;  // of the block, for packed_insert
};

// `block` is the block that holds the weight, `bytes` what the form takes. A form is worth making at the second use of one
// version: a weight that changes at every step is never packed twice over. Where the forms of a block become too many, the
// oldest go; who uses one keeps it until then.
PackedLookup packed_find(void* block, const PackedKey& key, size_t bytes, bool worthwhile);
// Keeps `data` (a block of its own) unless the weight was written since packed_find. The caller keeps its reference.
void packed_insert(void* block, const PackedKey& key, uint64_t version, void* data);
// The block was written in place, or dies.
void packed_drop(void* block);

}  // namespace ts
