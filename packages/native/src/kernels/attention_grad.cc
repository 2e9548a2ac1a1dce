// isa: amx
// Gradients of attention. With bfloat16, gy, the weights and the slopes are rounded before their products too.
//
// Keys are taken in chunks of kGradChunk, one after the other; within a chunk, a task has one key head and a chunk of queries.
// It adds to its own queries' gradients and makes a share of the keys' gradients, and the shares are added in the order of
// the queries. So the bits do not depend on the number of threads, and memory is linear in the lengths.
#include <cmath>

#include "core/memory.h"
#include "core/pool.h"
#include "kernels/attention_grad_block.h"

namespace ts::TS_ISA {
namespace {

void zero(float* x, int64_t count) {
  if (count > 0) std::memset(x, 0, static_cast<size_t>(count) * 4);
}

// gy · y of every query and head, and the gradient of the sinks: -Σ weight(sink) (gy · y), in the order of the queries.
void deltas_of(const AttentionCall& c, const float* gy, float* deltas, float* gsinks) {
  const int64_t queries = c.segments > 0 ? c.query_offsets[c.segments] : 0;
  parallel_for(queries * c.heads, 256, [&](int64_t begin, int64_t end, int) {
    for (int64_t slot = begin; slot < end; ++slot) {
      vf sum{};
      for (int64_t d = 0; d < c.width; d += kLanes) {
        const int n = static_cast<int>(c.width - d < kLanes ? c.width - d : kLanes);
        sum = fma(load_n(gy + slot * c.width + d, n), load_n(c.y + slot * c.width + d, n), sum);
      }
      deltas[slot] = sum_lanes(sum);
    }
  });
  if (gsinks == nullptr) return;
  parallel_for(c.heads, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t h = begin; h < end; ++h) {
      double sum = 0;
      for (int64_t q = 0; q < queries; ++q) {
        const int64_t slot = q * c.heads + h;
        if (c.lse[slot] == kNothing) continue;  // sees neither keys nor a sink
        sum -= std::exp(static_cast<double>(c.sinks[h]) - c.lse[slot]) * deltas[slot];
      }
      gsinks[h] = static_cast<float>(sum);
    }
  });
}

// True if no two segments read the same rows of k and v, judged by pages in ascending order.
bool rows_apart(const AttentionCall& c) {
  int64_t end = 0;
  for (int64_t b = 0; b < c.segments; ++b) {
    for (int64_t j = 0; j < c.key_lengths[b]; j += c.page_size) {
      const int64_t row = c.key_row(b, j), used = c.key_lengths[b] - j < c.page_size ? c.key_lengths[b] - j : c.page_size;
      if (row < end) return false;
      end = row + used;
    }
  }
  return true;
}

int64_t chunks_of(int64_t length) { return (length + kGradChunk - 1) / kGradChunk; }

// The tasks of the key chunk from `from`, their shares in the order of segment, key head, queries.
int64_t list_tasks(const AttentionCall& c, bool apart, int64_t from, float* shares, int64_t padded, GradTask* out) {
  int64_t count = 0;
  for (int64_t b = 0; b < c.segments; ++b) {
    const int64_t chunks = chunks_of(c.queries(b));
    for (int64_t h = 0; h < c.key_heads; ++h) {
      for (int64_t i = 0; i < chunks; ++i) {
        const int64_t end = (i + 1) * kGradChunk < c.queries(b) ? (i + 1) * kGradChunk : c.queries(b), start = c.query_starts[b];
        if (!c.touches(b, start + i * kGradChunk, start + end, from, from + kGradChunk)) continue;
        float* share = apart && chunks == 1 ? nullptr : shares;
        if (share != nullptr) shares += 2 * kGradChunk * padded;
        if (out != nullptr) out[count] = {b, h, i, share};
        ++count;
      }
    }
  }
  return count;
}

// args: see AttentionCall, then 26 gy, 27 gq, 28 gk, 29 gv, 30 gsinks or 0
Status attention_grad(Args& args) {
  const AttentionCall c(args);
  const Status status = c.check();
  if (status != Status::ok || c.key_heads == 0) return status;
  const int64_t padded = c.padded(), query_rows = c.query_rows_count, key_rows = c.key_rows_count;
  const bool apart = rows_apart(c);
  // Room for the tasks of any chunk of keys, and for their shares.
  int64_t longest = 0, tasks_most = 0, shares_most = 0;
  for (int64_t b = 0; b < c.segments; ++b) {
    const int64_t chunks = chunks_of(c.queries(b));
    if (c.key_lengths[b] > longest) longest = c.key_lengths[b];
    tasks_most += chunks * c.key_heads;
    if (!apart || chunks > 1) shares_most += chunks * c.key_heads;
  }
  const int64_t own_floats = (GradSpace::floats(c) + 15) / 16 * 16;
  const Scratch scratch(static_cast<size_t>(own_floats * threads()) * 4);
  const Scratch deltas(static_cast<size_t>(query_rows * c.heads) * 4);
  const Scratch list(static_cast<size_t>(tasks_most + 1) * sizeof(GradTask));
  const Scratch shares(static_cast<size_t>(shares_most * 2 * kGradChunk * padded) * 4);
  if (!scratch || !deltas || !list || !shares) return fail(Status::out_of_memory, "[attention] could not allocate its scratch memory");
  GradTask* tasks = list.as<GradTask>();
  const Gradients g{args.ptr<float>(26), deltas.as<float>(), args.ptr<float>(27), args.ptr<float>(28), args.ptr<float>(29)};
  zero(g.gq, query_rows * c.heads * c.width);
  zero(g.gk, key_rows * c.key_heads * c.width);
  zero(g.gv, key_rows * c.key_heads * c.width);
  deltas_of(c, g.gy, deltas.as<float>(), args.ptr<float>(30));
  for (int64_t from = 0; from < longest; from += kGradChunk) {
    const int64_t count = list_tasks(c, apart, from, shares.as<float>(), padded, tasks);
    parallel_for(count, 1, [&](int64_t begin, int64_t end, int slot) {
      const GradSpace s(c, scratch.as<float>() + own_floats * slot);
      for (int64_t i = begin; i < end; ++i) backward(c, g, tasks[i], from, s);
    });
    // Shares of one key head go to the same rows; other key heads have other columns.
    parallel_for(c.key_heads, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = 0; i < count; ++i) {
        const GradTask& t = tasks[i];
        if (t.share != nullptr && t.key_head >= begin && t.key_head < end) add_keys(c, g, t.segment, t.key_head, from, t.share, padded);
      }
    });
  }
  return Status::ok;
}

}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(attention_grad, {"attention_grad", attention_grad})
