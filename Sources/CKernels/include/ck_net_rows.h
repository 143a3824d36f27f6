#ifndef CK_NET_ROWS_H
#define CK_NET_ROWS_H
#include <stdint.h>

/* Loops over the rows of matrices in C order. */

/* Writes `row` into each of the rows of y, which lie `stride` apart. */
void ck_net_fill_rows(long rows, long columns, long stride, const float *row, float *y);
/* Copies rows that lie `from` apart to where rows lie `to` apart. */
void ck_net_copy_rows(long rows, long columns, const float *x, long from, float *y, long to);
/* out[c] = factor * sum of the rows of x, which lie `stride` apart. */
void ck_net_column_sum(
    long rows, long columns, long stride, float factor, const float *x, float *out);
/* y = the sum of `parts` arrays that lie `stride` apart, added in order. */
void ck_net_merge(long n, long parts, long stride, const float *x, float *y);
/* Softmax cross-entropy of `rows` rows of logits: adds losses to *loss and right answers to *correct.
 * With dx, also writes (softmax - one-hot) * factor. Labels lie in 0..<columns. */
void ck_net_softmax_loss(
    long rows, long columns, const float *x, const int32_t *labels, float factor, float *dx,
    double *loss, long *correct);

#endif
