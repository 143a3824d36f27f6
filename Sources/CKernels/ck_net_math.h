#ifndef CK_NET_MATH_H
#define CK_NET_MATH_H
#include "ck_math.h"
#include "ck_target.h"

#define CK_NET CK_CLONES
#define CK_NET_INLINE static inline __attribute__((always_inline))

/* The standard normal distribution function, within 1e-7, and within 1e-4 of itself above -6; it is
   0 below -11.4, lest gelu grow for very negative numbers. */
CK_NET_INLINE float ck_net_normalf(float x) {
  float t = (x < 0 ? -x : x) * 0.707106781f;
  float far = ck_erfc_far(t > 8.0f ? 8.0f : t);
  far = t > 8.0f ? 0.0f : far;
  float outside = 0.5f * (t > 0.927734375f ? far : 1.0f - ck_erf_near(t));
  return x < 0 ? outside : 1.0f - outside;
}

#endif
