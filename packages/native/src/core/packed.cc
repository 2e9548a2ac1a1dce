#include "core/packed.h"

#include <algorithm>
#include <mutex>
#include <new>
#include <unordered_map>
#include <vector>

#include "core/memory.h"

namespace ts {
namespace {

struct Form {
  PackedKey key;
  size_t bytes;  // that it takes once it is made
  void* data;    // null: seen once
};

// What the forms of a block may take, in sizes of the block: all of it, at once or by experts, in two layouts and two
// precisions, with panels to spare. Each view of other rows is another form, and there may be any number of these.
constexpr size_t kMost = 8;

// What they may take in any case: panels are much larger than the few rows that a small block holds.
constexpr size_t kAlways = size_t{1} << 20;

using Forms = std::vector<Form>;

struct Cache {
  std::mutex mutex;
  std::unordered_map<void*, Forms> blocks;
};

Cache& cache() {
  alignas(Cache) static unsigned char place[sizeof(Cache)];
  static Cache* instance = new (place) Cache;
  return *instance;
}

Form* find(Forms& forms, const PackedKey& key) {
  for (Form& form : forms) {
    if (form.key == key) return &form;
  }
  return nullptr;
}

// The forms stand in the order in which they were used last.
void use(Forms& forms, Form* form) { std::rotate(form, form + 1, forms.data() + forms.size()); }

// Of the forms that are made, or of those that were seen once, the ones used longest ago go until the others have room; the
// newest stays whatever it takes. Each kind has its own room: views that come once leave alone what is used again and again.
// Forms have no forms of their own, so that releasing one does not come back here.
void make_room(Forms& forms, size_t block_bytes) {
  const size_t most = kMost * block_bytes > kAlways ? kMost * block_bytes : kAlways;
  const bool made = forms.back().data != nullptr;
  size_t total = 0;
  for (const Form& form : forms) total += (form.data != nullptr) == made ? form.bytes : 0;
  for (size_t i = 0; total > most && i + 1 < forms.size();) {
    const Form form = forms[i];
    if ((form.data != nullptr) != made) {
      ++i;
      continue;
    }
    total -= form.bytes;
    if (made) release(form.data);
    forms.erase(forms.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

}  // namespace

PackedLookup packed_find(void* block, const PackedKey& key, size_t bytes, bool worthwhile) {
  Cache& c = cache();
  std::lock_guard lock(c.mutex);
  const auto found = c.blocks.find(block);
  Form* form = found == c.blocks.end() ? nullptr : find(found->second, key);
  if (form != nullptr && form->data != nullptr) {
    void* const data = form->data;
    retain(data);
    use(found->second, form);
    return {data, false, 0};
  }
  if (!worthwhile) return {nullptr, false, 0};
  if (form == nullptr) {
    mark_packed(block);
    try {
      Forms& forms = c.blocks[block];
      forms.push_back({key, bytes, nullptr});
      make_room(forms, allocated_bytes(block));
    } catch (const std::bad_alloc&) {
      // Not remembered: the next use is the first again.
    }
    return {nullptr, false, 0};
  }
  return {nullptr, true, block_version(block)};
}

void packed_insert(void* block, const PackedKey& key, uint64_t version, void* data) {
  Cache& c = cache();
  std::lock_guard lock(c.mutex);
  if (block_version(block) != version) return;
  const auto found = c.blocks.find(block);
  Form* form = found == c.blocks.end() ? nullptr : find(found->second, key);
  if (form == nullptr || form->data != nullptr) return;
  retain(data);
  form->data = data;
  use(found->second, form);
  make_room(found->second, allocated_bytes(block));
}

void packed_drop(void* block) {
  Forms forms;
  {
    Cache& c = cache();
    std::lock_guard lock(c.mutex);
    raise_block_version(block);
    const auto found = c.blocks.find(block);
    if (found == c.blocks.end()) return;
    forms = std::move(found->second);
    c.blocks.erase(found);
  }
  for (const Form& form : forms) {
    if (form.data != nullptr) release(form.data);
  }
}

}  // namespace ts
