// Attention of a task's rows to one block of keys by vectors: scores, weights and the weighted sum of the values.
//
// A score's row is a key and its column a row of the task, so that the softmax over keys goes down the columns in whole
// vectors, and only the task's queries are ever transposed, once for all blocks.
#pragma once

#include "vector_math.h"

#include "kernels/attention_call.h"

namespace ts::TS_ISA {

// Rows of a task, each one query of one head; those of a key head's group lie side by side and share its blocks. A multiple
// of every strip and vector.
constexpr int64_t kRows = 96;

// The register tile of the scores: keys by vectors of rows. Both divide a block.
constexpr int kKeyStrip = kStrip == 12 ? 8 : 4;
constexpr int kRowVectors = kStrip == 4 ? 2 : 3;
constexpr int64_t kRowGroup = kRowVectors * kLanes;
static_assert(kKeys % kKeyStrip == 0 && kRows % kRowGroup == 0 && kRowGroup % kStrip == 0);

// Whether tiles of AMX multiply such operands (attention_tiles.h).
template <class T>
constexpr bool kByTiles = kHaveTiles && T::per_word == 2;

// Queries begin … begin + count - 1 of the batch, heads head … head + heads - 1 of the key heads from key_head on: one of these,
// but for a single query (attention_query.h).
struct Task {
  int64_t segment, key_head, key_heads, head, heads, begin, count;
  int64_t rows() const { return count * heads; }
  int64_t position(const AttentionCall& c) const { return c.query_starts[segment] + begin - c.query_offsets[segment]; }
  // Rows are query by query; slot is the row of (N, Hq).
  int64_t slot(const AttentionCall& c, int64_t r) const { return (begin + r / heads) * c.heads + head + r % heads; }
};

constexpr int64_t whole_vectors(int64_t rows) { return (rows + kLanes - 1) / kLanes * kLanes; }

// What rows have gathered: the largest score, Σ e^(score - largest), and that sum over values (rows, padded). `rows` is a
// whole number of vectors.
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
  Word *keys, *values, *queries, *turned, *staged, *weights;
  float *scores, *shrink, *totals;
  int32_t *first, *last;  // keys that a row sees
  State part, total;

  // Where few rows' products with a block's keys wait to be turned, in the place of staged keys.
  float* products() const { return reinterpret_cast<float*>(keys); }

  static int64_t floats(const AttentionCall& c) {
    const int64_t words = c.words(T::per_word), padded = c.padded();
    return kKeys * (words + padded) + kRows * words + kLanes * (2 * words + padded) + kRows * (2 * kKeys + kLanes + 3) + 2 * State::floats(kRows, padded);
  }
  Space(const AttentionCall& c, float* data) : words(c.words(T::per_word)), padded(c.padded()), part(data, kRows), total(data + State::floats(kRows, padded), kRows) {
    data += 2 * State::floats(kRows, padded);
    scores = data;
    shrink = scores + kRows * kKeys;
    totals = shrink + kRows;
    first = reinterpret_cast<int32_t*>(totals + kRows * kLanes);
    last = first + kRows;
    weights = reinterpret_cast<Word*>(last + kRows);
    keys = weights + kRows * kKeys;
    values = keys + kKeys * words;
    queries = values + kKeys * padded;
    turned = queries + kRows * words;
    staged = turned + kLanes * words;
  }
};

inline void stage_values(const Rows& rows, const BlockRows& at, int64_t padded, float* out) {
  stage_rows(rows, at.count, padded, at, out);
  std::memset(out + at.count * padded, 0, static_cast<size_t>((kKeys - at.count) * padded) * 4);
}
#if defined(TS_DOT_BF16)
inline void stage_values(const Rows& rows, const BlockRows& at, int64_t padded, uint32_t* out) {
  stage_pairs(rows, at.count, padded, at, out);
}
#endif

// The operands of a task's queries: columns, or rows where tiles multiply them; few of these are turned as well.
template <class T>
void stage_queries(const AttentionCall& c, const Task& t, const Space<T>& s) {
  const auto start = [&](int64_t r) { return t.slot(c, r) * c.width; };
  const int64_t rows = t.rows(), position = t.position(c);
  if (kByTiles<T>) {
    stage_rows(c.query_rows(), rows, s.words, start, s.queries);
    // Columns behind the last row hold what lies there: nothing reads their scores.
    for (int64_t w = 0; w < (rows <= kLanes ? s.words : 0); w += kLanes) {
      turn([&](int l) { return s.queries + l * s.words + w; }, [&](int i) { return s.turned + (w + i) * kLanes; });
    }
  } else {
    stage_columns(c.query_rows(), rows, s.words, kRows, start, s.staged, s.queries);
  }
  for (int64_t r = 0; r < whole_vectors(rows); ++r) {
    s.first[r] = r < rows ? static_cast<int32_t>(c.first(position + r / t.heads)) : 0;
    s.last[r] = r < rows ? static_cast<int32_t>(c.last(t.segment, position + r / t.heads)) : 0;
  }
}

// ---- The two products.

// scores[j * kRows + r] of the keys of `cols` and the rows r0 … r0 + rows - 1, a whole number of vectors.
template <class T>
void score(const Space<T>& s, int64_t inner, const Columns& cols, int64_t r0, int64_t rows) {
  const Tile<T> tile{s.keys, s.words, s.queries + r0, kRows, 0, inner, s.scores + r0, kRows, nullptr};
  for (int64_t j = cols.lo / kKeyStrip * kKeyStrip; j < cols.hi; j += kKeyStrip) {
    if (rows == kRowGroup) {
      tile_of<T, true, From::zero, kKeyStrip, kRowVectors>(tile, j, 0);
      continue;
    }
    for (int64_t r = 0; r < rows; r += kLanes) tile_of<T, true, From::zero, kKeyStrip, 1>(tile, j, r);
  }
}

// sums = sums * shrink + weights * values, for rows r0 … r0 + rows - 1.
template <class T>
void sum_values(const Space<T>& s, const Columns& cols, const State& state, int64_t r0, int64_t rows) {
  const Tile<T> tile{s.weights + r0, kRows, s.values, s.padded, cols.lo / T::per_word, (cols.hi + T::per_word - 1) / T::per_word,
                     state.sums + r0 * s.padded, s.padded, s.shrink + r0};
  strip<T, false, From::scaled>(tile, rows, s.padded);
}

// Keeps the weights of keys lo and lo + 1 for the rows r0 … r0 + kLanes - 1, as the second product takes them.
template <class T>
TS_INLINE void keep_weights(const Space<T>& s, int64_t r0, int64_t lo, vf even, vf odd) {
  if constexpr (T::per_word == 2) {
    const vu pair = pair_words(even, odd);
    std::memcpy(s.weights + lo / 2 * kRows + r0, &pair, sizeof pair);
  } else {
    store(s.weights + lo * kRows + r0, even);
    store(s.weights + (lo + 1) * kRows + r0, odd);
  }
}
template <class T>
float weight_of(const Space<T>& s, int64_t r, int64_t j) {
  if constexpr (T::per_word == 2) {
    const uint32_t pair = s.weights[j / 2 * kRows + r];
    return from_bf16(static_cast<uint16_t>(j % 2 == 0 ? pair : pair >> 16));
  } else {
    return s.weights[j * kRows + r];
  }
}

// Turns the products of kLanes rows, from r0 on, with the keys lo … hi - 1 of a block into weights, and notes by how much
// older sums shrink. `from`: the block's first key; kAll: the rows see all of these keys. A NaN among the weights makes the row's
// total one as well, and so its result.
template <class T, bool kAll>
TS_INLINE void weigh(const AttentionCall& c, const Space<T>& s, const State& state, int64_t r0, int64_t from, int64_t lo, int64_t hi) {
  const vi first = load(s.first + r0) - static_cast<int32_t>(from), last = load(s.last + r0) - static_cast<int32_t>(from);
  const vf largest = load(state.largest + r0);
  vf now = largest;
  for (int64_t j = lo; j < hi; ++j) {
    float* at = s.scores + j * kRows + r0;
    const vf score = score_of(load(at), c.scale, c.softcap);
    const vi key = splat_i(static_cast<int32_t>(j));
    const vf x = kAll ? score : select((key >= first) & (key < last), score, splat(kNothing));
    store(at, x);
    now = max(x, now);
  }
  // Where every score is -infinity there is nothing to subtract.
  const vf base = select(now == kNothing, vf{}, now);
  const auto weight = [&](int64_t j) { return exp(load(s.scores + j * kRows + r0) - base); };
  const bool round = T::per_word == 1 && c.round;
  vf total{};
  for (int64_t j = lo; j < hi; j += 2) {
    const vf even = weight(j), odd = weight(j + 1);
    total += even;
    total += odd;
    keep_weights(s, r0, j, round ? round_bf16_number(even) : even, round ? round_bf16_number(odd) : odd);
  }
  const vf shrink = exp(largest - base);
  store(s.shrink + r0, shrink);
  store(state.largest + r0, now);
  store(state.total + r0, fma(load(state.total + r0), shrink, total));
}

// Asks for rows lo … hi - 1 of a block of keys or values: they lie apart, beyond the processor's own guesses.
inline void prefetch_rows(const Rows& rows, const BlockRows& at, int64_t lo, int64_t hi) {
  const int64_t size = static_cast<int64_t>(dtype_bytes(rows.type));
  for (int64_t j = lo; j < hi; ++j) {
    for (int64_t byte = 0; byte < rows.width * size; byte += 64) __builtin_prefetch(static_cast<const char*>(rows.data) + at(j) * size + byte);
  }
}

// Gives values that were taken out of the block's rows back to the rows of the task that see them; weight(r, j).
template <class T, class Weight>
void give_back_values(const AttentionCall& c, const Task& t, const BlockRows& at, int64_t from, const uint8_t* lost, const State& state,
                      const Space<T>& s, const Weight& weight) {
  for (int64_t j = 0; j < at.count; ++j) {
    if (lost[j] == 0) continue;
    float* values = reinterpret_cast<float*>(s.staged);
    stage_row(c.v, c.kv_type, at(j), c.width, s.padded, c.round, values);
    for (int64_t r = 0; r < t.rows(); ++r) {
      if (from + j < s.first[r] || from + j >= s.last[r]) continue;
      give_back(state.sums + r * s.padded, s.padded, weight(r, j), [=](int64_t d) { return load(values + d); });
    }
  }
}

// True if every row of the task sees the same keys of the block, in whole multiples of `multiple` of the `count` there are:
// then products run over no others.
template <class T>
bool see_alike(const Task& t, const Space<T>& s, int64_t from, int64_t count, int64_t multiple) {
  const Columns one(s.first[0], s.last[0], from), other(s.first[t.rows() - 1], s.last[t.rows() - 1], from);
  return one.lo == other.lo && one.hi == other.hi && one.lo % multiple == 0 && (one.hi % multiple == 0 || one.hi >= count);
}

// Adds one block of keys to the rows of a task.
template <class T>
void add_block(const AttentionCall& c, const Task& t, int64_t block, const State& state, const Space<T>& s) {
  const int64_t rows = t.rows(), from = block * kKeys;
  const BlockRows at(c, t.segment, t.key_head, from);
  stage_rows(c.keys(), at.count, s.words, at, s.keys);
  stage_values(c.values(), at, s.padded, s.values);
  const int64_t inner = ceil_div(c.width, T::per_word);
  const auto seen = [&](int64_t first_row, int64_t last_row) { return Columns(s.first[first_row], s.last[last_row], from); };
  uint8_t lost[kKeys];
  // A pair may hold a key that is masked.
  const bool taken = !see_alike(t, s, from, at.count, T::per_word) && take_out(s.values, at.count, s.padded, lost);
  // The next block is asked for little by little: more at once would wait for one another, and the products for them.
  const BlockRows next(c, t.segment, t.key_head, from + kKeys);
  for (int64_t r = 0; r < rows; r += kRowGroup) {
    const int64_t end = r + kRowGroup < rows ? r + kRowGroup : rows;
    const Columns cols = seen(r, end - 1);
    if (cols.empty()) continue;
    score(s, inner, cols, r, whole_vectors(end - r));
    const int64_t lo = cols.lo / 2 * 2, hi = (cols.hi + 1) / 2 * 2;
    // Both ends ascend with the row.
    const bool all = s.first[end - 1] <= from + lo && s.last[r] >= from + hi;
    for (int64_t i = r; i < end; i += kLanes) all ? weigh<T, true>(c, s, state, i, from, lo, hi) : weigh<T, false>(c, s, state, i, from, lo, hi);
    for (int64_t i = r; i < end; i += kStrip) {
      const int64_t count = end - i < kStrip ? end - i : kStrip, ask_lo = i * next.count / rows, ask_hi = (i + count) * next.count / rows;
      prefetch_rows(c.keys(), next, ask_lo, ask_hi);
      prefetch_rows(c.values(), next, ask_lo, ask_hi);
      const Columns own = seen(i, i + count - 1);
      if (!own.empty()) sum_values(s, own, state, i, count);
    }
  }
  if (taken) give_back_values(c, t, at, from, lost, state, s, [&](int64_t r, int64_t j) { return weight_of(s, r, j); });
}

}  // namespace ts::TS_ISA
