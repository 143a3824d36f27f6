#ifndef CK_NET_ATTENTION_H
#define CK_NET_ATTENTION_H

/* Attention of one head over one sample: y = softmax(scale * q k^T) v, the softmax over keys; with
 * `causal` a position sees itself and those before it. Rows of the arrays lie their stride apart. */
typedef struct {
  long tokens, width;
  long query_stride, key_stride, value_stride, output_stride;
  float scale;
  int causal;
} ck_net_attention;

/* Floats of scratch memory that one call needs. */
long ck_net_attention_workspace(long tokens, long width, int backward);
/* `statistics` receives each row's maximum and 1 / sum of exponentials: 2 * tokens floats. */
void ck_net_attention_forward(
    const ck_net_attention *a, const float *q, const float *k, const float *v, float *y,
    float *statistics, float *workspace);
/* Gradients have the strides of what they belong to. */
void ck_net_attention_backward(
    const ck_net_attention *a, const float *q, const float *k, const float *v, const float *dy,
    const float *statistics, float *dq, float *dk, float *dv, float *workspace);

#endif
