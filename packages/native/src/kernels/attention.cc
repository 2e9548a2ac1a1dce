// isa: avx512bf16 amx
// Softmax attention over ragged batches and paged keys.
//
// A query walks its document's keys in chunks of kChunk and in these in blocks of kKeys, both counted from the document's
// start. A chunk has a running maximum of its own and begins from nothing; chunks are combined in their order. So a query's
// result depends on itself and on those blocks alone: not on the other queries of a call, on pages or on threads, which may
// share one long row. Masked keys have weight exactly 0; where nothing is visible, products are skipped.
#include <cmath>

#include "core/memory.h"
#include "core/pool.h"
#include "vector_math.h"

#include "kernels/attention_query.h"
#include "kernels/attention_tiles.h"

namespace ts::TS_ISA {
namespace {

// Keys of a chunk: combining costs a row as much as one key does, and 8,192 keys still make 16 pieces of work.
constexpr int64_t kChunk = 512;

void clear(const State& state, int64_t rows, int64_t padded) {
  const int64_t lanes = whole_vectors(rows);
  for (int64_t r = 0; r < lanes; ++r) {
    state.largest[r] = kNothing;
    state.total[r] = 0;
  }
  std::memset(state.sums, 0, static_cast<size_t>(lanes * padded) * 4);
}

// Chunks that the task's queries see.
struct Chunks {
  int64_t first, end;
  Chunks(const AttentionCall& c, const Task& t) {
    const int64_t position = t.position(c), last = c.last(t.segment, position + t.count - 1);
    first = c.first(position) / kChunk;
    end = (last + kChunk - 1) / kChunk;
    if (end < first) end = first;
  }
};

template <class T>
void add_chunk(const AttentionCall& c, const Task& t, int64_t chunk, const State& state, const Space<T>& s) {
  const int64_t position = t.position(c), last = c.last(t.segment, position + t.count - 1);
  clear(state, t.rows(), s.padded);
  const int64_t low = c.first(position) / kKeys, high = (last + kKeys - 1) / kKeys;
  const int64_t begin = chunk * (kChunk / kKeys), end = begin + kChunk / kKeys;
  const auto each_block = [&](const auto& add) {
    for (int64_t block = begin > low ? begin : low; block < (end < high ? end : high); ++block) add(block);
  };
#if defined(TS_TILES)
  if constexpr (kByTiles<T>) {
    const Tiles<> tiles;
    std::memset(s.totals, 0, static_cast<size_t>(t.rows() * kLanes) * 4);
    each_block([&](int64_t block) { add_block_by_tiles(c, t, block, state, s); });
    for (int64_t r = 0; r < t.rows(); ++r) state.total[r] = sum_lanes(load(s.totals + r * kLanes));
    return;
  }
#endif
  if (t.count == 1 && key_heads_of_query<T>(c) > 0) return each_block([&](int64_t block) { add_block_to_query<T>(c, t, block, state, s); });
  each_block([&](int64_t block) { add_block<T>(c, t, block, state, s); });
}

void begin_rows(const AttentionCall& c, const Task& t, const State& total, int64_t padded) {
  clear(total, t.rows(), padded);
  if (c.sinks == nullptr) return;
  for (int64_t r = 0; r < t.rows(); ++r) {
    total.largest[r] = c.sinks[t.head + r % t.heads];
    total.total[r] = 1;
  }
}

void combine(const State& part, const State& total, int64_t rows, int64_t padded) {
  for (int64_t r = 0; r < rows; ++r) {
    if (part.total[r] == 0.0f) continue;  // sees nothing of this chunk
    const float now = part.largest[r] > total.largest[r] ? part.largest[r] : total.largest[r];
    const float base = now == kNothing ? 0.0f : now;
    const float older = exp(splat(total.largest[r] - base))[0], newer = exp(splat(part.largest[r] - base))[0];
    total.largest[r] = now;
    total.total[r] = fma(part.total[r], newer, total.total[r] * older);
    float* sums = total.sums + r * padded;
    for (int64_t d = 0; d < padded; d += kLanes) store(sums + d, fma(load(part.sums + r * padded + d), splat(newer), load(sums + d) * older));
  }
}

void finish(const AttentionCall& c, const Task& t, const State& total, int64_t padded) {
  for (int64_t r = 0; r < t.rows(); ++r) {
    const int64_t slot = t.slot(c, r);
    const bool none = total.total[r] == 0.0f;
    const vf share = splat(none ? 0.0f : 1.0f / total.total[r]);
    for (int64_t d = 0; d < c.width; d += kLanes) {
      const int n = static_cast<int>(c.width - d < kLanes ? c.width - d : kLanes);
      store_n(c.y + slot * c.width + d, load(total.sums + r * padded + d) * share, n);
    }
    c.lse[slot] = none ? kNothing : total.largest[r] + static_cast<float>(std::log(total.total[r]));
  }
}

// Tasks of about kRows rows, written out so that threads can share them. A group of more heads than that is cut; a single query
// takes so many key heads together.
int64_t list_tasks(const AttentionCall& c, int64_t together, Task* out) {
  const int64_t groups = c.groups(), heads = groups < kRows ? groups : kRows, queries = kRows / heads;
  int64_t count = 0;
  for (int64_t b = 0; b < c.segments; ++b) {
    const int64_t key_heads = c.queries(b) == 1 ? together : 1;
    for (int64_t head = 0; head < c.heads;) {
      const int64_t end = min64((head / groups + key_heads) * groups, c.heads), own = min64(end - head, key_heads * heads);
      for (int64_t r = c.query_offsets[b]; r < c.query_offsets[b + 1]; r += queries) {
        const int64_t left = c.query_offsets[b + 1] - r;
        if (out != nullptr) out[count] = {b, head / groups, ceil_div(own, groups), head, own, r, min64(left, queries)};
        ++count;
      }
      head += own;
    }
  }
  return count;
}

// Key heads of a single query's task: all that it can take, if every thread finds several chunks even then.
template <class T>
int64_t key_heads_together(const AttentionCall& c, int64_t threads) {
  int64_t chunks = 0;
  for (int64_t b = 0; b < c.segments; ++b) chunks += c.queries(b) == 1 ? ceil_div(c.key_lengths[b], kChunk) : 0;
  const int64_t most = key_heads_of_query<T>(c);
  return chunks >= 4 * threads && most > 1 ? most : 1;
}

Status no_memory() { return fail(Status::out_of_memory, "[attention] could not allocate its scratch memory"); }

// The threads' scratch.
template <class T>
class Spaces {
 public:
  explicit Spaces(const AttentionCall& c)
      : call_(c), floats_((Space<T>::floats(c) + 15) / 16 * 16), scratch_(static_cast<size_t>(floats_ * threads()) * 4) {}
  explicit operator bool() const { return static_cast<bool>(scratch_); }
  Space<T> of(int slot) const { return Space<T>(call_, scratch_.template as<float>() + floats_ * slot); }

 private:
  const AttentionCall& call_;
  int64_t floats_;
  Scratch scratch_;
};

// Threads take whole tasks.
template <class T>
void run_tasks(const AttentionCall& c, const Task* tasks, int64_t count, const Spaces<T>& spaces) {
  const int64_t padded = c.padded();
  parallel_for(count, 1, [&](int64_t begin, int64_t end, int slot) {
    const Space<T> s = spaces.of(slot);
    for (int64_t i = begin; i < end; ++i) {
      const Task& t = tasks[i];
      stage_queries(c, t, s);
      begin_rows(c, t, s.total, padded);
      const Chunks chunks(c, t);
      for (int64_t chunk = chunks.first; chunk < chunks.end; ++chunk) {
        add_chunk<T>(c, t, chunk, s.part, s);
        combine(s.part, s.total, t.rows(), padded);
      }
      finish(c, t, s.total, padded);
    }
  });
}

// Threads take chunks, and what these give is combined afterwards, in the same order. `units`: chunks of all tasks; `rows`: the
// most rows of a task, in whole vectors.
template <class T>
Status run_chunks(const AttentionCall& c, const Task* tasks, int64_t count, int64_t units, int64_t rows, const Spaces<T>& spaces) {
  // A chunk of a task, and where its result is kept.
  struct Unit {
    int64_t task, chunk, part;
  };
  const int64_t padded = c.padded(), part_floats = State::floats(rows, padded);
  const Scratch parts(static_cast<size_t>(units * part_floats) * 4);
  const Scratch firsts(static_cast<size_t>(count) * 8), list(static_cast<size_t>(units) * sizeof(Unit));
  if (!parts || !firsts || !list) return no_memory();
  const auto part = [&](int64_t index) { return State(parts.as<float>() + index * part_floats, rows); };
  int64_t* const first_part = firsts.as<int64_t>();
  for (int64_t i = 0, next = 0; i < count; ++i) {
    first_part[i] = next;
    const Chunks chunks(c, tasks[i]);
    next += chunks.end - chunks.first;
  }
  // A chunk's heads lie side by side in memory, and go one after the other.
  Unit* const unit = list.as<Unit>();
  for (int64_t listed = 0, chunk = 0; listed < units; ++chunk) {
    for (int64_t i = 0; i < count; ++i) {
      const Chunks chunks(c, tasks[i]);
      if (chunk >= chunks.first && chunk < chunks.end) unit[listed++] = {i, chunk, first_part[i] + chunk - chunks.first};
    }
  }
  parallel_for(units, 1, [&](int64_t begin, int64_t end, int slot) {
    const Space<T> s = spaces.of(slot);
    for (int64_t n = begin; n < end; ++n) {
      stage_queries(c, tasks[unit[n].task], s);
      add_chunk<T>(c, tasks[unit[n].task], unit[n].chunk, part(unit[n].part), s);
    }
  });
  parallel_for(count, 1, [&](int64_t begin, int64_t end, int slot) {
    const Space<T> s = spaces.of(slot);
    for (int64_t i = begin; i < end; ++i) {
      const Chunks chunks(c, tasks[i]);
      begin_rows(c, tasks[i], s.total, padded);
      for (int64_t n = 0; n < chunks.end - chunks.first; ++n) combine(part(first_part[i] + n), s.total, tasks[i].rows(), padded);
      finish(c, tasks[i], s.total, padded);
    }
  });
  return Status::ok;
}

template <class T>
Status run(const AttentionCall& c) {
  // Asked once: another environment may change it meanwhile.
  const int64_t most = threads(), together = key_heads_together<T>(c, most), count = list_tasks(c, together, nullptr);
  const Scratch list(static_cast<size_t>(count + 1) * sizeof(Task));
  const Spaces<T> spaces(c);
  if (!list || !spaces) return no_memory();
  Task* const tasks = list.as<Task>();
  list_tasks(c, together, tasks);
  // Few tasks over long rows are shared out by their chunks.
  int64_t units = 0, rows = 0;
  for (int64_t i = 0; i < count && count < 4 * most; ++i) {
    const Chunks chunks(c, tasks[i]);
    units += chunks.end - chunks.first;
    if (whole_vectors(tasks[i].rows()) > rows) rows = whole_vectors(tasks[i].rows());
  }
  if (most > 1 && units > count) return run_chunks<T>(c, tasks, count, units, rows, spaces);
  run_tasks<T>(c, tasks, count, spaces);
  return Status::ok;
}

// args: see AttentionCall
Status attention(Args& args) {
  const AttentionCall c(args);
  const Status status = c.check();
  if (status != Status::ok || c.heads == 0) return status;
#if defined(TS_DOT_BF16)
  if (c.round) return run<Pairs>(c);
#endif
  return run<Singles>(c);
}

}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(attention, {"attention", attention})
