#include "ck_small_program.h"

static double *at(const ck_small_memory *memory, ck_place place) {
  return memory->doubles[place.worker] + place.offset;
}

/* Rounds an array along one axis. */
static void write_line(const ck_step *s, int64_t n, const ck_small_memory *memory) {
  int64_t zs = s->zs[s->axis], as = s->as[s->axis];
  const double *a = at(memory, s->a);
  float *high = memory->floats[s->z.worker] + s->z.offset;
  float *low = s->b.offset >= 0 ? memory->floats[s->b.worker] + s->b.offset : 0;
  for (int64_t i = 0; i < n; i++) {
    float f = (float)a[i * as];
    high[i * zs] = f;
    if (low) low[i * zs] = f - f == 0 ? (float)(a[i * as] - (double)f) : 0;
  }
}

void ck_run_small(const ck_step *steps, int64_t count, const ck_small_memory *memory,
                  int64_t rows) {
  for (int64_t k = 0; k < count; k++) {
    const ck_step *s = steps + k;
    int64_t extent[CK_AXES];
    for (int i = 0; i < CK_AXES; i++) extent[i] = s->extent[i];
    if (s->varying) extent[2] = rows;
    if (s->axis >= 0 && s->what == CK_STEP_MAP) {
      int k = s->axis;
      ck_small_map_line(s->operation, extent[k], at(memory, s->z), s->zs[k], at(memory, s->a),
                        s->as[k], at(memory, s->b), s->bs[k], at(memory, s->c), s->cs[k]);
      continue;
    }
    if (s->axis >= 0 && s->what == CK_STEP_FLOAT) {
      write_line(s, extent[s->axis], memory);
      continue;
    }
    switch (s->what) {
      case CK_STEP_MAP:
        ck_small_map(s->operation, extent, at(memory, s->z), s->zs, at(memory, s->a), s->as,
                     at(memory, s->b), s->bs, at(memory, s->c), s->cs);
        break;
      case CK_STEP_FOLD:
        ck_small_fold(s->operation, s->start, extent, at(memory, s->z), s->zs, at(memory, s->a),
                      s->as);
        break;
      case CK_STEP_MOMENTS:
        ck_small_merge_moments(extent, at(memory, s->z), s->z_plane, s->zs, at(memory, s->a),
                               s->a_plane, s->as);
        break;
      default:
        ck_small_to_float(extent, memory->floats[s->z.worker] + s->z.offset,
                          s->b.offset >= 0 ? memory->floats[s->b.worker] + s->b.offset : 0, s->zs,
                          at(memory, s->a), s->as);
        break;
    }
  }
}
