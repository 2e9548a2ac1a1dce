// isa: avx512bf16
// Softmax attention over ragged batches and paged keys.
//
// A query walks its document's keys in chunks of kChunk and in these in blocks of kKeys, both counted from the document's
// start. A chunk has a running maximum of its own and begins from nothing; chunks are combined in their order. So a query's
// result depends on itself and on those blocks alone: not on the other queries of a call, on pages or on threads, which may
// share one long row. Masked keys have weight exactly 0; where nothing is visible, products are skipped.
#include <cmath>

#include "core/memory.h"
#include "core/pool.h"
#include "math.h"

#include "kernels/attention_call.h"

namespace ts::TS_ISA {
namespace {

// Keys of a chunk: combining costs a row as much as one key does, and 8,192 keys still make 16 pieces of work.
constexpr int64_t kChunk = 512;

// Rows of a task, each one query of one head; those of a key head's group lie side by side and share its blocks. A multiple
// of every strip and vector.
constexpr int64_t kRows = 96;

constexpr float kNothing = -__builtin_inff();

// Queries begin … begin + count - 1 of the batch, heads head … head + heads - 1, which share a key head.
struct Task {
  int64_t segment, key_head, head, heads, begin, count;
  int64_t rows() const { return count * heads; }
  int64_t position(const AttentionCall& c) const { return c.query_starts[segment] + begin - c.query_offsets[segment]; }
  // Rows are query by query; slot is the row of (N, Hq).
  int64_t slot(const AttentionCall& c, int64_t r) const { return (begin + r / heads) * c.heads + head + r % heads; }
};

// What rows have gathered: the largest score, Σ e^(score - largest), and that sum over values (rows, padded).
struct State {
  float *largest, *total, *sums;
  static int64_t floats(int64_t rows, int64_t padded) { return rows * (2 + padded); }
  State(float* data, int64_t rows) : largest(data), total(data + rows), sums(data + 2 * rows) {}
};

// A thread's scratch.
template <class T>
struct Space {
  using Word = typename T::Word;
  int64_t words, padded;  // a row of q or k; a row of v
  Word *columns, *values, *queries, *staged;
  float *scores, *shrink, *block_sums;
  State part, total;

  static int64_t words_of(const AttentionCall& c) {
    const int64_t words = (c.width + T::per_word - 1) / T::per_word;
    return (words + kLanes - 1) / kLanes * kLanes;
  }
  static int64_t floats(const AttentionCall& c) {
    const int64_t words = words_of(c), padded = c.padded();
    return kKeys * (words + padded) + kRows * words + kLanes * (words + padded) + kRows * (kKeys + 2) + 2 * State::floats(kRows, padded);
  }
  Space(const AttentionCall& c, float* data) : words(words_of(c)), padded(c.padded()), part(data, kRows), total(data + State::floats(kRows, padded), kRows) {
    data += 2 * State::floats(kRows, padded);
    scores = data;
    shrink = scores + kRows * kKeys;
    block_sums = shrink + kRows;
    columns = reinterpret_cast<Word*>(block_sums + kRows);
    values = columns + kKeys * words;
    queries = values + kKeys * padded;
    staged = queries + kRows * words;
  }
};

void stage_values(const Rows& rows, const BlockRows& at, int64_t padded, float*, float* out) {
  for (int64_t j = 0; j < kKeys; ++j) {
    if (j < at.count) {
      stage_row(rows.data, rows.type, at(j), rows.width, padded, rows.round, out + j * padded);
    } else {
      std::memset(out + j * padded, 0, static_cast<size_t>(padded) * 4);
    }
  }
}
#if defined(TS_DOT_BF16)
void stage_values(const Rows& rows, const BlockRows& at, int64_t padded, uint32_t* staged, uint32_t* out) {
  stage_pairs(rows, at.count, padded, at, staged, out);
}
#endif

template <class T>
void stage_queries(const AttentionCall& c, const Task& t, const Space<T>& s) {
  const auto start = [&](int64_t r) { return t.slot(c, r) * c.width; };
  stage_columns(c.query_rows(), t.rows(), s.words, kRows, start, s.staged, s.queries);
}

// Turns a row's products into weights and notes the block's sum and by how much older sums shrink. Only the columns of
// `strip` were made; the row itself sees those of `own`.
template <class T>
TS_INLINE void weigh(const AttentionCall& c, const Columns& strip, const Columns& own, float* row, float& largest, float& shrink, float& sum) {
  if (own.empty()) {
    if (!strip.empty()) std::memset(row, 0, kKeys * 4);
    shrink = 0;
    sum = 0;
    return;
  }
  vf most = splat(kNothing);
  for (int64_t j = strip.from; j < strip.to; j += kLanes) {
    const vf x = select(visible(j, own.lo, own.hi), score_of(load(row + j), c.scale, c.softcap), splat(kNothing));
    store(row + j, x);
    most = max(x, most);
  }
  const float peak = max_lanes(most);
  const float now = peak > largest ? peak : largest;
  // Where every score is -infinity there is nothing to subtract.
  const float base = now == kNothing ? 0.0f : now;
  shrink = largest - base;
  largest = now;
  vf total{};
  uint16_t* words = reinterpret_cast<uint16_t*>(row);
  for (int64_t j = strip.from; j < strip.to; j += kLanes) {
    const vf w = exp(load(row + j) - base);
    total += w;
    if constexpr (T::per_word == 2) {
      store_words(words + j, to_bf16(w));
    } else {
      store(row + j, c.round ? round_bf16(w) : w);
    }
  }
  sum = sum_lanes(total);
}

// Adds one block of keys to the rows of a task.
template <class T>
void add_block(const AttentionCall& c, const Task& t, int64_t block, const State& state, const Space<T>& s) {
  const int64_t rows = t.rows(), from = block * kKeys, position = t.position(c);
  const BlockRows at(c, t.segment, t.key_head, from);
  stage_columns(c.keys(), at.count, s.words, kKeys, at, s.staged, s.columns);
  stage_values(c.values(), at, s.padded, s.staged, s.values);
  const int64_t inner = (c.width + T::per_word - 1) / T::per_word;
  const auto seen = [&](int64_t first_row, int64_t last_row) {
    return Columns(c.first(position + first_row / t.heads), c.last(t.segment, position + last_row / t.heads), from);
  };
  // Where every row sees the same keys, products run over no others; a pair may still hold one that is masked.
  const Columns one = seen(0, 0), other = seen(rows - 1, rows - 1);
  const bool alike = one.lo == other.lo && one.hi == other.hi && one.lo % T::per_word == 0 && (one.hi % T::per_word == 0 || one.hi >= at.count);
  uint8_t lost[kKeys];
  const bool taken = !alike && take_out(s.values, at.count, s.padded, lost);
  for (int64_t r = 0; r < rows; r += kStrip) {
    const int64_t count = rows - r < kStrip ? rows - r : kStrip;
    const Columns cols = seen(r, r + count - 1);
    if (!cols.empty()) {
      const Tile<T> tile{s.queries + r, kRows, s.columns + cols.from, kKeys, 0, inner, s.scores + r * kKeys + cols.from, kKeys, nullptr};
      strip<T, false, From::zero>(tile, count, cols.to - cols.from);
    }
    for (int64_t i = r; i < r + count; ++i) {
      weigh<T>(c, cols, cols.empty() ? cols : seen(i, i), s.scores + i * kKeys, state.largest[i], s.shrink[i], s.block_sums[i]);
    }
  }
  for (int64_t r = 0; r < rows; r += kLanes) {
    const int n = static_cast<int>(rows - r < kLanes ? rows - r : kLanes);
    const vf shrink = exp(load_n(s.shrink + r, n));
    store_n(s.shrink + r, shrink, n);
    store_n(state.total + r, fma(load_n(state.total + r, n), shrink, load_n(s.block_sums + r, n)), n);
  }
  for (int64_t r = 0; r < rows; r += kStrip) {
    const int64_t count = rows - r < kStrip ? rows - r : kStrip;
    const Columns cols = seen(r, r + count - 1);
    if (cols.empty()) continue;
    const auto* weights = reinterpret_cast<const typename T::Word*>(s.scores + r * kKeys);
    const Tile<T> tile{weights, 0, s.values, s.padded, cols.lo / T::per_word, (cols.hi + T::per_word - 1) / T::per_word,
                       state.sums + r * s.padded, s.padded, s.shrink + r};
    strip<T, true, From::scaled>(tile, count, s.padded);
  }
  if (!taken) return;
  for (int64_t j = 0; j < at.count; ++j) {
    if (lost[j] == 0) continue;
    float* values = reinterpret_cast<float*>(s.staged);
    stage_row(c.v, c.kv_type, at(j), c.width, s.padded, c.round, values);
    for (int64_t r = 0; r < rows; ++r) {
      const Columns own = seen(r, r);
      if (j < own.lo || j >= own.hi) continue;
      const float* row = s.scores + r * kKeys;
      const float weight = T::per_word == 2 ? from_bf16(reinterpret_cast<const uint16_t*>(row)[j]) : row[j];
      give_back(state.sums + r * s.padded, s.padded, weight, [=](int64_t d) { return load(values + d); });
    }
  }
}

void clear(const State& state, int64_t rows, int64_t padded) {
  for (int64_t r = 0; r < rows; ++r) {
    state.largest[r] = kNothing;
    state.total[r] = 0;
  }
  std::memset(state.sums, 0, static_cast<size_t>(rows * padded) * 4);
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
  for (int64_t block = begin > low ? begin : low; block < (end < high ? end : high); ++block) add_block<T>(c, t, block, state, s);
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

// Tasks of about kRows rows, written out so that threads can share them. A group of more heads than that is cut.
int64_t list_tasks(const AttentionCall& c, Task* out) {
  const int64_t groups = c.groups(), heads = groups < kRows ? groups : kRows, queries = kRows / heads;
  int64_t count = 0;
  for (int64_t b = 0; b < c.segments; ++b) {
    for (int64_t head = 0; head < c.heads;) {
      const int64_t end = (head / groups + 1) * groups, own = end - head < heads ? end - head : heads;
      for (int64_t r = c.query_offsets[b]; r < c.query_offsets[b + 1]; r += queries) {
        const int64_t left = c.query_offsets[b + 1] - r;
        if (out != nullptr) out[count] = {b, head / groups, head, own, r, left < queries ? left : queries};
        ++count;
      }
      head += own;
    }
  }
  return count;
}

template <class T>
Status run(const AttentionCall& c) {
  const int64_t count = list_tasks(c, nullptr), padded = c.padded();
  const int64_t own_floats = (Space<T>::floats(c) + 15) / 16 * 16;
  const Scratch list(static_cast<size_t>(count + 1) * sizeof(Task));
  const Scratch scratch(static_cast<size_t>(own_floats * threads()) * 4);
  if (!list || !scratch) return fail(Status::out_of_memory, "[attention] could not allocate its scratch memory");
  Task* tasks = list.as<Task>();
  list_tasks(c, tasks);
  // Few tasks over long rows: threads take chunks, and what these give is combined afterwards, in the same order.
  int64_t units = 0, rows = 0;
  for (int64_t i = 0; i < count && count < 4 * threads(); ++i) {
    const Chunks chunks(c, tasks[i]);
    units += chunks.end - chunks.first;
    if (tasks[i].rows() > rows) rows = tasks[i].rows();
  }
  if (threads() == 1 || units <= count) {
    parallel_for(count, 1, [&](int64_t begin, int64_t end, int slot) {
      const Space<T> s(c, scratch.as<float>() + own_floats * slot);
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
    return Status::ok;
  }
  const int64_t part_floats = State::floats(rows, padded);
  const Scratch parts(static_cast<size_t>(units * part_floats) * 4);
  const Scratch index(static_cast<size_t>(units + count) * 8);
  if (!parts || !index) return fail(Status::out_of_memory, "[attention] could not allocate its scratch memory");
  int64_t *task_of = index.as<int64_t>(), *first_unit = task_of + units;
  for (int64_t i = 0, unit = 0; i < count; ++i) {
    first_unit[i] = unit;
    const Chunks chunks(c, tasks[i]);
    for (int64_t chunk = chunks.first; chunk < chunks.end; ++chunk) task_of[unit++] = i;
  }
  const auto part = [&](int64_t unit) { return State(parts.as<float>() + unit * part_floats, rows); };
  parallel_for(units, 1, [&](int64_t begin, int64_t end, int slot) {
    const Space<T> s(c, scratch.as<float>() + own_floats * slot);
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t i = task_of[unit];
      if (unit == begin || task_of[unit - 1] != i) stage_queries(c, tasks[i], s);
      add_chunk<T>(c, tasks[i], Chunks(c, tasks[i]).first + unit - first_unit[i], part(unit), s);
    }
  });
  parallel_for(count, 1, [&](int64_t begin, int64_t end, int slot) {
    const Space<T> s(c, scratch.as<float>() + own_floats * slot);
    for (int64_t i = begin; i < end; ++i) {
      const Chunks chunks(c, tasks[i]);
      begin_rows(c, tasks[i], s.total, padded);
      for (int64_t n = 0; n < chunks.end - chunks.first; ++n) combine(part(first_unit[i] + n), s.total, tasks[i].rows(), padded);
      finish(c, tasks[i], s.total, padded);
    }
  });
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
