// How a gradient passes back through an activation.
#pragma once

#include "activations.h"

namespace ts::TS_ISA {

// g times the slope at x. Where a rectifier gives 0 it takes no gradient, not even an infinite one, as in PyTorch: a product
// with its slope would be NaN.
TS_INLINE vf pass_back(Act act, vf g, vf x) {
  const vf through = g * slope(act, x);
  return act == Act::relu || act == Act::relu2 ? select(x <= splat(0.0f), vf{}, through) : through;
}

}  // namespace ts::TS_ISA
