#ifndef CK_NET_EMBED_H
#define CK_NET_EMBED_H

/* Rows of a table chosen by symbols: whole numbers kept as floats. */

/* y[i] = table[symbols[i]] + positions[i % tokens] for `rows` rows; positions may be null. */
void ck_net_embed(
    long rows, long width, long tokens, const float *symbols, const float *table,
    const float *positions, float *y);
/* Adds dy[i] to gradient[symbols[i]], in the order of i, in `columns` columns from `first` on, which are
 * zeroed before in all `vocabulary` rows. */
void ck_net_embed_backward(
    long rows, long width, long vocabulary, long first, long columns, const float *symbols,
    const float *dy, float *gradient);
/* 1 when every element is a whole number from 0 to below `vocabulary`. */
int ck_net_all_symbols(long n, long vocabulary, const float *x);

#endif
