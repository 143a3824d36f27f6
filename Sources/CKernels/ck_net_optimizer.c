#include "ck_net_optimizer.h"

#include "ck_net_math.h"

CK_NET void ck_net_sgd(
    long n, float *w, const float *g, float *velocity, float scale, float rate, float momentum,
    int nesterov, float decay) {
  if (!velocity) {
    for (long i = 0; i < n; i++) w[i] -= rate * (g[i] * scale + decay * w[i]);
  } else if (nesterov) {
    for (long i = 0; i < n; i++) {
      float d = g[i] * scale + decay * w[i];
      float v = momentum * velocity[i] + d;
      velocity[i] = v;
      w[i] -= rate * (d + momentum * v);
    }
  } else {
    for (long i = 0; i < n; i++) {
      float v = momentum * velocity[i] + (g[i] * scale + decay * w[i]);
      velocity[i] = v;
      w[i] -= rate * v;
    }
  }
}

CK_NET void ck_net_adam_step(
    long n, float *w, const float *g, float *m, float *v, const ck_net_adam *a) {
  ck_net_adam s = *a;
  float keep = 1.0f - s.rate * s.decoupled_decay, step = s.rate * s.correction1;
  for (long i = 0; i < n; i++) {
    float d = g[i] * s.scale + s.decay * w[i];
    float mi = s.beta1 * m[i] + (1.0f - s.beta1) * d;
    float vi = s.beta2 * v[i] + (1.0f - s.beta2) * d * d;
    m[i] = mi;
    v[i] = vi;
    w[i] = w[i] * keep - step * mi / (__builtin_elementwise_sqrt(vi) * s.correction2 + s.epsilon);
  }
}

CK_NET double ck_net_sum_of_squares(long n, const float *x) {
#pragma clang fp reassociate(on)
  double sum = 0;
  for (long i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
  return sum;
}
