#include "core/packed.h"

#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/memory.h"

namespace ts {
namespace {

struct Form {
  PackedKey key;
  void* data;  // null: seen once
};

using Forms = std::vector<Form>;

struct Cache {
  std::mutex mutex;
  std::unordered_map<void*, Forms> blocks;
};

Cache& cache() {
  static Cache* instance = new Cache;
  return *instance;
}

Form* find(Forms& forms, const PackedKey& key) {
  for (Form& form : forms) {
    if (form.key == key) return &form;
  }
  return nullptr;
}

}  // namespace

PackedLookup packed_find(void* block, const PackedKey& key, bool worthwhile) {
  Cache& c = cache();
  std::lock_guard lock(c.mutex);
  const auto found = c.blocks.find(block);
  Form* form = found == c.blocks.end() ? nullptr : find(found->second, key);
  if (form != nullptr && form->data != nullptr) {
    retain(form->data);
    return {form->data, false, 0};
  }
  if (!worthwhile) return {nullptr, false, 0};
  if (form == nullptr) {
    c.blocks[block].push_back({key, nullptr});
    mark_packed(block);
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
