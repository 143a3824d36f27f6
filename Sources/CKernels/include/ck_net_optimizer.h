#ifndef CK_NET_OPTIMIZER_H
#define CK_NET_OPTIMIZER_H

/* Updates of parameters w from gradients g; g is multiplied by `scale` (gradient clipping) first. */

/* velocity = momentum * velocity + (scale * g + decay * w); w -= rate * velocity, or with nesterov
 * w -= rate * (gradient + momentum * velocity). velocity is null when momentum is 0. */
void ck_net_sgd(
    long n, float *w, const float *g, float *velocity, float scale, float rate, float momentum,
    int nesterov, float decay);

typedef struct {
  float scale, rate, beta1, beta2, epsilon;
  /* added to the gradient (Adam) or taken off the weight directly (AdamW) */
  float decay, decoupled_decay;
  /* 1 / (1 - beta1^t) and 1 / sqrt(1 - beta2^t) */
  float correction1, correction2;
} ck_net_adam;

/* m and v are the running moments. */
void ck_net_adam_step(long n, float *w, const float *g, float *m, float *v, const ck_net_adam *a);
double ck_net_sum_of_squares(long n, const float *x);

#endif
