// Attention against its definition in float64, and the same bits for a query whatever surrounds it.
#include <algorithm>
#include <cmath>

#include "test.h"

namespace {

using Floats = std::vector<float>;

double address(const void* p) { return static_cast<double>(reinterpret_cast<uintptr_t>(p)); }

Floats uniform(size_t n, uint32_t seed) {
  const test::Array<float> x = test::uniform(n, seed);
  return Floats(x.data(), x.data() + n);
}

bool same(const Floats& a, const Floats& b) { return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * 4) == 0; }

struct Segment {
  int64_t queries, position, keys;
};

struct Setting {
  std::vector<Segment> segments;
  int64_t heads, key_heads, width;
  int64_t page;  // 0: keys lie one segment after the other
  bool causal;
  int64_t window;
  float softcap;
  bool sinks, round, bf16_cache;
};

struct Problem {
  Setting s;
  int64_t rows = 0, key_rows = 0, page_size = 0;
  std::vector<int32_t> offsets{0}, starts, lengths, page_offsets{0}, pages;
  Floats q, k, v, sinks, gy;
  std::vector<uint16_t> k16, v16;

  explicit Problem(const Setting& setting, uint32_t seed = 1) : s(setting) {
    for (const Segment& x : s.segments) {
      rows += x.queries;
      offsets.push_back(static_cast<int32_t>(rows));
      starts.push_back(static_cast<int32_t>(x.position));
      lengths.push_back(static_cast<int32_t>(x.keys));
    }
    if (s.page == 0) {
      page_size = 64;
      for (const Segment& x : s.segments) {
        pages.push_back(static_cast<int32_t>(key_rows));
        key_rows += x.keys;
        page_size = std::max(page_size, x.keys);
        page_offsets.push_back(static_cast<int32_t>(pages.size()));
      }
    } else {
      page_size = s.page;
      // Pages lie backwards in the pool; of those that make 64 keys, the first and the last lie where they would in order.
      const int64_t group = std::max<int64_t>(1, 64 / s.page);
      int64_t base = 0;
      for (const Segment& x : s.segments) {
        const int64_t count = (x.keys + s.page - 1) / s.page, room = (count + group - 1) / group * group;
        for (int64_t i = 0; i < count; ++i) {
          const int64_t at = i % group, inner = at > 0 && at < group - 1 ? i - at + group - 1 - at : i;
          pages.push_back(static_cast<int32_t>((base + (group > 1 ? inner : count - 1 - i)) * s.page));
        }
        base += room;
        page_offsets.push_back(static_cast<int32_t>(pages.size()));
      }
      key_rows = base * s.page;
    }
    q = uniform(static_cast<size_t>(rows * s.heads * s.width), seed);
    k = uniform(static_cast<size_t>(key_rows * s.key_heads * s.width), seed + 1);
    v = uniform(static_cast<size_t>(key_rows * s.key_heads * s.width), seed + 2);
    gy = uniform(q.size(), seed + 3);
    sinks = uniform(static_cast<size_t>(s.heads), seed + 4);
    if (s.round || s.bf16_cache) {
      // What the cache would hold; both forms then mean the same numbers.
      k16.resize(k.size());
      v16.resize(v.size());
      for (size_t i = 0; i < k.size(); ++i) k[i] = test::from_bf16(k16[i] = test::to_bf16(k[i]));
      for (size_t i = 0; i < v.size(); ++i) v[i] = test::from_bf16(v16[i] = test::to_bf16(v[i]));
    }
  }

  float scale() const { return 1.5f / std::sqrt(static_cast<float>(s.width)); }
  int64_t first(int64_t position) const { return s.window > 0 ? std::max<int64_t>(0, position - s.window + 1) : 0; }
  int64_t last(int64_t segment, int64_t position) const {
    const int64_t length = lengths[static_cast<size_t>(segment)];
    return s.causal ? std::min(length, position + 1) : length;
  }
  size_t key_at(int64_t segment, int64_t j, int64_t head) const {
    const int64_t row = pages[static_cast<size_t>(page_offsets[static_cast<size_t>(segment)] + j / page_size)] + j % page_size;
    return static_cast<size_t>((row * s.key_heads + head * s.key_heads / s.heads) * s.width);
  }
  size_t query_at(int64_t row, int64_t head) const { return static_cast<size_t>((row * s.heads + head) * s.width); }
  float query(size_t i) const { return s.round ? test::from_bf16(test::to_bf16(q[i])) : q[i]; }
};

std::vector<double> record(const Problem& p, const Floats& y, const Floats& lse) {
  const bool cache = p.s.bf16_cache;
  return {address(p.q.data()), cache ? address(p.k16.data()) : address(p.k.data()), cache ? address(p.v16.data()) : address(p.v.data()), 0, cache ? 1.0 : 0.0,
          p.s.sinks ? address(p.sinks.data()) : 0, address(y.data()), address(lse.data()), address(p.offsets.data()), address(p.starts.data()),
          address(p.lengths.data()), address(p.page_offsets.data()), address(p.pages.data()), double(p.s.segments.size()),
          double(p.page_size), double(p.s.heads), double(p.s.key_heads), double(p.s.width), double(p.s.window), double(p.s.causal),
          double(p.s.round), double(p.scale()), double(p.s.softcap), double(p.rows), double(p.key_rows), double(p.pages.size())};
}

struct Result {
  Floats y, lse;
};

Result forward(ts::Isa isa, const Problem& p) {
  Result out{Floats(p.q.size(), NAN), Floats(static_cast<size_t>(p.rows * p.s.heads), NAN)};
  CHECK(test::run(isa, "attention", record(p, out.y, out.lse)) == ts::Status::ok);
  return out;
}

struct Grads {
  Floats q, k, v, sinks;
};

Grads backward(ts::Isa isa, const Problem& p, const Result& r) {
  Grads g{Floats(p.q.size(), NAN), Floats(p.k.size(), NAN), Floats(p.v.size(), NAN), Floats(p.sinks.size(), NAN)};
  auto args = record(p, r.y, r.lse);
  for (const double x : {address(p.gy.data()), address(g.q.data()), address(g.k.data()), address(g.v.data()), p.s.sinks ? address(g.sinks.data()) : 0})
    args.push_back(x);
  CHECK(test::run(isa, "attention_grad", args) == ts::Status::ok);
  return g;
}

// The definition, in float64; weights rounded as the mode says.
struct Exact {
  std::vector<double> y, lse, gq, gk, gv, gsinks;
};

Exact exact(const Problem& p) {
  const auto& s = p.s;
  const size_t width = static_cast<size_t>(s.width);
  Exact e;
  e.y.resize(p.q.size());
  e.lse.resize(static_cast<size_t>(p.rows * s.heads), -INFINITY);
  e.gq.resize(p.q.size());
  e.gk.resize(p.k.size());
  e.gv.resize(p.v.size());
  e.gsinks.resize(p.sinks.size());
  for (int64_t b = 0; b < static_cast<int64_t>(s.segments.size()); ++b) {
    for (int64_t r = p.offsets[size_t(b)]; r < p.offsets[size_t(b) + 1]; ++r) {
      const int64_t position = p.starts[size_t(b)] + r - p.offsets[size_t(b)], first = p.first(position), last = p.last(b, position);
      for (int64_t h = 0; h < s.heads; ++h) {
        const size_t at = p.query_at(r, h);
        double largest = s.sinks ? p.sinks[size_t(h)] : -INFINITY, total = 0, base = 0;
        std::vector<double> scores;
        for (int64_t j = first; j < last; ++j) {
          double dot = 0;
          for (size_t d = 0; d < width; ++d) dot += double(p.query(at + d)) * double(p.k[p.key_at(b, j, h) + d]);
          dot *= p.scale();
          scores.push_back(s.softcap != 0 ? std::tanh(dot / s.softcap) * s.softcap : dot);
          largest = std::max(largest, scores.back());
        }
        if (s.sinks) total += std::exp(p.sinks[size_t(h)] - largest);
        for (const double x : scores) total += std::exp(x - largest);
        if (total == 0) continue;
        const double lse = largest + std::log(total);
        e.lse[size_t(r * s.heads + h)] = lse;
        for (int64_t j = first; j < last; ++j) {
          const double w = std::exp(scores[size_t(j - first)] - lse);
          for (size_t d = 0; d < width; ++d) e.y[at + d] += w * p.v[p.key_at(b, j, h) + d];
        }
        for (size_t d = 0; d < width; ++d) base += p.gy[at + d] * e.y[at + d];
        for (int64_t j = first; j < last; ++j) {
          const size_t key = p.key_at(b, j, h);
          const double score = scores[size_t(j - first)], w = std::exp(score - lse);
          double g = -base;
          for (size_t d = 0; d < width; ++d) g += double(p.gy[at + d]) * p.v[key + d];
          g *= w * p.scale();
          if (s.softcap != 0) g *= 1 - (score / s.softcap) * (score / s.softcap);
          for (size_t d = 0; d < width; ++d) {
            e.gq[at + d] += g * p.k[key + d];
            e.gk[key + d] += g * p.query(at + d);
            e.gv[key + d] += w * p.gy[at + d];
          }
        }
        if (s.sinks) e.gsinks[size_t(h)] -= std::exp(p.sinks[size_t(h)] - lse) * base;
      }
    }
  }
  return e;
}

bool close(const Floats& got, const std::vector<double>& want, double tolerance) {
  double scale = 1;
  for (const double x : want) {
    if (std::isfinite(x)) scale = std::max(scale, std::fabs(x));
  }
  for (size_t i = 0; i < want.size(); ++i) {
    if (got[i] == want[i]) continue;
    if (!(std::fabs(got[i] - want[i]) <= tolerance * scale)) {
      std::printf("  element %zu: %g, wanted %g\n", i, double(got[i]), want[i]);
      return false;
    }
  }
  return true;
}

Setting random_setting(std::mt19937& random) {
  const auto pick = [&](auto... values) {
    const int64_t list[] = {values...};
    return list[random() % std::size(list)];
  };
  Setting s{};
  s.key_heads = pick(1, 2, 3);
  s.heads = s.key_heads * pick(1, 1, 3, 4, 7);
  s.width = pick(1, 5, 8, 16, 33, 64, 80);
  const int64_t count = pick(1, 2, 3);
  s.causal = random() % 4 != 0;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t queries = pick(0, 1, 1, 2, 17, 64, 100, 300), position = pick(0, 0, 3, 64, 511, 600);
    s.segments.push_back({queries, position, s.causal ? queries + position : pick(0, 1, 64, 65, 700)});
  }
  s.page = pick(0, 0, 16, 64, 128);
  s.window = pick(0, 0, 1, 40, 64, 300);
  s.softcap = static_cast<float>(pick(0, 0, 2));
  s.sinks = random() % 3 == 0;
  s.round = random() % 3 == 0;
  s.bf16_cache = random() % 3 == 0;
  return s;
}

TEST(attention_is_its_definition) {
  std::mt19937 random(7);
  for (int i = 0; i < 60; ++i) {
    const Problem p(random_setting(random), static_cast<uint32_t>(10 * i));
    const Exact want = exact(p);
    for (const ts::Isa isa : test::isas()) {
      ts::set_threads(1 + i % 3);
      const Result r = forward(isa, p);
      // Rounded weights cost a relative 2^-9 each.
      const double tolerance = p.s.round ? 4e-3 : 3e-6;
      const Grads g = backward(isa, p, r);
      const bool ok = close(r.y, want.y, tolerance) && close(r.lse, want.lse, 3e-6) && close(g.q, want.gq, 2 * tolerance) &&
                      close(g.k, want.gk, 2 * tolerance) && close(g.v, want.gv, 2 * tolerance) &&
                      (!p.s.sinks || close(g.sinks, want.gsinks, 2 * tolerance));
      if (!ok) std::printf("  case %d on %s: heads %d/%d width %d segments %d (%d at %d of %d)\n", i, ts::isa_name(isa), int(p.s.heads), int(p.s.key_heads), int(p.s.width), int(p.s.segments.size()), int(p.s.segments[0].queries), int(p.s.segments[0].position), int(p.s.segments[0].keys));
      CHECK(ok);
    }
  }
  ts::set_threads(2);
}

TEST(attention_of_a_query_is_the_same_bits_alone_in_chunks_in_pages_and_on_any_threads) {
  const int64_t total = 1300, heads = 6;
  for (int mode = 0; mode < 16; ++mode) {
    // Keys of the second width are words of a product where they lie in a cache.
    const int64_t width = (mode & 8) != 0 ? 64 : 20;
    const bool round = (mode & 1) != 0;
    const int64_t window = (mode & 2) != 0 ? 700 : 0;
    Setting s{{{total, 0, total}}, heads, 2, width, 0, true, window, (mode & 4) != 0 ? 3.0f : 0.0f, (mode & 4) != 0, round, false};
    const Problem whole(s);
    for (const ts::Isa isa : test::isas()) {
      ts::set_threads(1);
      const Result want = forward(isa, whole);
      ts::set_threads(3);
      CHECK(same(forward(isa, whole).y, want.y));
      for (const auto& [from, count] : {std::pair<int64_t, int64_t>{0, 1}, {63, 2}, {500, 40}, {1299, 1}, {1024, 276}}) {
        for (const int64_t page : {0, 16, 64, 192}) {
          Setting part = s;
          part.segments = {{count, from, from + count}};
          part.page = page;
          part.bf16_cache = round && (page == 16 || page == 64);
          Problem p(part);
          for (int64_t j = 0; j < from + count; ++j) {
            for (int64_t h = 0; h < heads; h += 3) {
              const size_t to = p.key_at(0, j, h), key = whole.key_at(0, j, h);
              for (size_t d = 0; d < size_t(width); ++d) {
                p.k[to + d] = whole.k[key + d];
                p.v[to + d] = whole.v[key + d];
                if (part.bf16_cache) p.k16[to + d] = test::to_bf16(p.k[to + d]), p.v16[to + d] = test::to_bf16(p.v[to + d]);
              }
            }
          }
          std::copy_n(whole.q.data() + whole.query_at(from, 0), p.q.size(), p.q.data());
          std::copy_n(whole.sinks.data(), size_t(heads), p.sinks.data());
          for (const int threads : {1, 3}) {
            ts::set_threads(threads);
            const Result got = forward(isa, p);
            CHECK(std::memcmp(got.y.data(), want.y.data() + whole.query_at(from, 0), got.y.size() * 4) == 0);
            CHECK(std::memcmp(got.lse.data(), want.lse.data() + from * heads, got.lse.size() * 4) == 0);
          }
        }
      }
    }
  }
  ts::set_threads(2);
}

// Two queries go the way of many, one goes its own: by several key heads at once where there are chunks enough.
TEST(attention_of_a_single_query_is_the_same_bits_as_beside_another) {
  const int64_t length = 2200, key_heads = 2;
  int turn = 0;
  for (const int64_t groups : {1, 2, 3, 4, 5, 6, 7, 8, 9}) {
    for (const int64_t window : {0, 701, 64}) {
      const int64_t page = turn % 3 == 0 ? 0 : turn % 3 == 1 ? 64 : 100;
      const bool round = turn % 2 == 0, bf16_cache = turn % 7 < 3;
      const int64_t width = turn % 4 == 0 ? 20 : 64;
      Setting s{{{2, length - 2, length}}, groups * key_heads, key_heads, width, page, true, window, turn % 5 == 0 ? 3.0f : 0.0f, turn % 2 == 1, round, bf16_cache};
      ++turn;
      Problem both(s);
      if (window > 0) {
        // What no query sees must not matter, not even beside a key that one sees.
        for (int64_t j = 0; j < length - 1 - window; ++j) {
          for (int64_t h = 0; h < s.heads; h += groups) {
            const size_t at = both.key_at(0, j, h);
            for (size_t d = 0; d < size_t(width); ++d) {
              both.v[at + d] = INFINITY;
              if (bf16_cache || round) both.v16[at + d] = test::to_bf16(INFINITY);
            }
          }
        }
      }
      Problem alone = both;
      alone.s.segments = {{1, length - 1, length}};
      alone.rows = 1;
      alone.offsets = {0, 1};
      alone.starts = {static_cast<int32_t>(length - 1)};
      const size_t row = size_t(s.heads * width);
      alone.q.assign(both.q.begin() + int64_t(row), both.q.end());
      for (const ts::Isa isa : test::isas()) {
        ts::set_threads(1);
        const Result want = forward(isa, both);
        for (const int threads : {1, 3}) {
          ts::set_threads(threads);
          const Result got = forward(isa, alone);
          CHECK(std::memcmp(got.y.data(), want.y.data() + row, row * 4) == 0);
          CHECK(std::memcmp(got.lse.data(), want.lse.data() + s.heads, size_t(s.heads) * 4) == 0);
          for (const float x : got.y) CHECK(std::isfinite(x));
        }
      }
    }
  }
  ts::set_threads(2);
}

TEST(attention_gradients_are_the_same_bits_on_any_threads) {
  for (const bool round : {false, true}) {
    const Problem p({{{300, 0, 300}, {700, 20, 720}, {5, 0, 5}}, 6, 2, 24, round ? 64 : 0, true, 0, 0, true, round, false});
    for (const ts::Isa isa : test::isas()) {
      ts::set_threads(1);
      const Result r = forward(isa, p);
      const Grads one = backward(isa, p, r);
      ts::set_threads(4);
      const Grads four = backward(isa, p, r);
      CHECK(same(one.q, four.q) && same(one.k, four.k) && same(one.v, four.v) && same(one.sinks, four.sinks));
    }
  }
  ts::set_threads(2);
}

TEST(attention_of_more_heads_than_a_task_has_rows) {
  const Problem p({{{3, 10, 13}}, 200, 1, 8, 0, true, 0, 0, false, false, false});
  const Exact want = exact(p);
  for (const ts::Isa isa : test::isas()) CHECK(close(forward(isa, p).y, want.y, 3e-6));
}

}  // namespace
