// Argument records of every kernel with sizes of 0, 1 and odd ones, and sizes that no memory holds: nothing may crash, whatever
// the status; a divisor of 0 would be a signal.
#include <cstring>
#include <random>
#include <string>

#include "test.h"

namespace {

using test::Array;

// One letter for each place: p a pointer, 0 a null pointer or a pointer, s a size, f a flag, n a number, d a float dtype,
// i the activation or function 0 … 2, b a compute type, z a zero, w the bytes of an element.
struct Record {
  const char* kernel;
  const char* places;
};
const Record records[] = {
    {"activation", "ppsi"},
    {"activation_grad", "pppsi"},
    {"adamw", "pppp00snnnnnfn"},
    {"add_in_place", "pps"},
    {"add_rows", "pppsss"},
    {"arg_reduce", "ppsssi"},
    {"cast", "ppsdd"},
    {"cross_entropy", "ppppssnnnnn"},
    {"cross_entropy_grad", "ppppssnnnnn"},
    {"cumsum", "ppsssf"},
    {"dropout", "ppssnsssp"},
    {"fill", "pwss"},
    {"gated", "pppsi"},
    {"gated_grad", "pppppsi"},
    {"layer_norm", "p00pppssn"},
    {"layer_norm_grad", "p0pppp00ss"},
    {"linear", "pp0psssddzbzfipi"},
    {"linear_cross_entropy", "pp0p000000ssszznnnnn"},
    {"log_softmax", "ppss"},
    {"log_softmax_grad", "pppss"},
    {"log_sum_exp", "ppss"},
    {"low_rank", "ppppppssssn"},
    {"low_rank_grad", "ppppp000ssssn"},
    {"matmul", "pppsssffzzzbz"},
    {"normal", "psssss"},
    {"order_rows", "pppsssfz"},
    {"reduce_columns", "ppsssi"},
    {"reduce_rows", "ppssi"},
    {"rms_norm", "p0ppssnn"},
    {"rms_norm_grad", "p0ppp0ssn"},
    {"scale_in_place", "pps"},
    {"softmax", "ppss"},
    {"softmax_grad", "pppss"},
    {"sum_rows", "ppss"},
    {"sum_squares", "psn"},
    {"take_rows", "pppsss"},
    {"uniform", "psssss"},
    {"write_rows", "pppsssdd"},
};

TEST(no_record_of_small_sizes_crashes) {
  std::mt19937 generator(7);
  // Room for the largest product of sizes below, and indices of 0 in it.
  const size_t room = 17 * 17 * 17 * 4;
  Array<float> memory(room * 8);
  const double sizes[] = {0, 0, 1, 2, 5, 17};
  for (const Record& record : records) {
    for (const ts::Isa isa : test::isas()) {
      for (int round = 0; round < 60; ++round) {
        for (size_t i = 0; i < memory.size(); ++i) memory[i] = 0;
        ts::set_threads(1 + round % 3);
        std::vector<double> args(ts::kMaxArgs);
        size_t used = 0, at = 0;
        for (const char* place = record.places; *place != 0; ++place, ++at) {
          const uint32_t dice = generator();
          const double pointer = memory.address() + double(4 * room * (used % 8));
          switch (*place) {
            case 'p': args[at] = pointer, ++used; break;
            case '0': args[at] = dice % 2 == 0 ? 0 : pointer, ++used; break;
            case 's': args[at] = sizes[dice % 6]; break;
            case 'f': args[at] = dice % 2; break;
            case 'n': args[at] = dice % 4 * 0.5; break;
            case 'd': args[at] = dice % 3; break;
            case 'i': args[at] = dice % 3; break;
            case 'b': args[at] = dice % 2; break;
            case 'w': args[at] = 1 << dice % 3; break;
            default: args[at] = 0;
          }
        }
        // float16 has no panels: the callers widen it.
        if (std::strcmp(record.kernel, "linear") == 0) args[7] = int(args[7]) % 2, args[8] = int(args[8]) % 2;
        test::run(isa, record.kernel, args);
      }
    }
  }
  CHECK(true);
}

TEST(every_kernel_takes_a_record_of_zeros) {
  for (const ts::Isa isa : test::isas()) {
    for (int id = 0; id < ts::kernel_count(isa); ++id) {
      const std::string name = ts::kernel(isa, id).name;
      std::vector<double> args(ts::kMaxArgs);
      ts::Args record(args.data());
      ts::begin_kernel();
      ts::kernel(isa, id).fn(record);
    }
  }
  CHECK(true);
}

TEST(attention_refuses_layouts_that_divide_by_zero_or_leave_their_arrays) {
  Array<int32_t> offsets(2), starts(1), lengths(1), page_offsets(2), pages(1);
  offsets[1] = 2, lengths[0] = 2, page_offsets[1] = 1;
  Array<float> q(64), k(64), v(64), y(64), lse(8), gy(64), gq(64), gk(64), gv(64);
  const auto record = [&](double page_size, double heads, double key_heads) {
    return std::vector<double>{q.address(), k.address(), v.address(), 0, 0, 0, y.address(), lse.address(), offsets.address(), starts.address(), lengths.address(),
                               page_offsets.address(), pages.address(), 1, page_size, heads, key_heads, 4, 0, 1, 0, 0.5, 0, 2, 2, 1, gy.address(), gq.address(), gk.address(), gv.address(), 0};
  };
  for (const ts::Isa isa : test::isas()) {
    for (const char* kernel : {"attention", "attention_grad"}) {
      CHECK(test::run(isa, kernel, record(0, 2, 1)) == ts::Status::value);
      CHECK(test::run(isa, kernel, record(64, 2, 0)) == ts::Status::value);
      CHECK(test::run(isa, kernel, record(64, 1, 2)) == ts::Status::value);
      CHECK(test::run(isa, kernel, record(64, 3, 2)) == ts::Status::value);
      CHECK(test::run(isa, kernel, record(1, 2, 1)) == ts::Status::value);  // one page of one key
      CHECK(test::run(isa, kernel, record(64, 2, 1)) == ts::Status::ok);
      lengths[0] = 0;
      CHECK(test::run(isa, kernel, record(0, 2, 1)) == ts::Status::ok);  // no key, no page
      lengths[0] = -1;
      CHECK(test::run(isa, kernel, record(64, 2, 1)) == ts::Status::value);
      lengths[0] = 2;
      offsets[1] = -1;
      CHECK(test::run(isa, kernel, record(64, 2, 1)) == ts::Status::value);
      offsets[1] = 3;  // of two rows
      CHECK(test::run(isa, kernel, record(64, 2, 1)) == ts::Status::value);
      offsets[1] = 2;
      for (const int32_t row : {-1, 1, 2000000}) {
        pages[0] = row;
        CHECK(test::run(isa, kernel, record(64, 2, 1)) == ts::Status::value);
      }
      pages[0] = 0;
      page_offsets[0] = -1;
      CHECK(test::run(isa, kernel, record(64, 2, 1)) == ts::Status::value);
      page_offsets[0] = 0, page_offsets[1] = 2;
      CHECK(test::run(isa, kernel, record(64, 2, 1)) == ts::Status::value);
      page_offsets[1] = 1;
    }
  }
}

TEST(sizes_beyond_memory_end_in_an_error) {
  const double huge = 1125899906842624;  // 2^50
  Array<float> x(64);
  Array<int32_t> index(64);
  for (const ts::Isa isa : test::isas()) {
    CHECK(test::run(isa, "order_rows", {x.address(), x.address(), x.address(), 1, huge, huge, 0, 0}) == ts::Status::out_of_memory);
    CHECK(test::run(isa, "moe", {x.address(), index.address(), x.address(), x.address(), 0, x.address(), 0, x.address(), huge, 1, 4, 4, 4, 1, 1, 0, 0, 0, x.address(), 0, 0}) == ts::Status::out_of_memory);
    CHECK(test::run(isa, "matmul", {x.address(), x.address(), x.address(), 1, 1, huge, 0, 0, 0, 0, 0, 0, 0}) == ts::Status::out_of_memory);
    CHECK(test::run(isa, "strided_copy", {x.address(), x.address(), 4, 33}) == ts::Status::value);
    CHECK(test::run(isa, "strided_copy", {x.address(), x.address(), 3, 0}) == ts::Status::value);
  }
}

}  // namespace
