/* What an introspection reads is paid for at its rates: of the thing itself, and of the pool of its
 * first disk. A snapshot costs a disk in use more the longer it is held, so what has been read
 * before is waited for in front of the snapshot; while it is held, a burst passes at once and only
 * what goes beyond it is slowed down. The time for which a snapshot was held, from the beginning of
 * making it to its end, is paid for, too: a disk may be under one for a share of its time only.
 * Internal to the module. */
#pragma once
#include "introspect/course.h"

/* Whether all is paid for that was read before. A short wait is made here; for a long one the job
 * goes back to the queue until then: *later. */
bool pace_wait(struct course *c, bool *later, GError **error);
/* Reads to come are counted from now on. */
void pace_begin(struct course *c);
/* A snapshot is made from now on; it is gone, or there was none that costs anything. */
void pace_hold(struct course *c);
void pace_release(struct course *c, bool held);
/* Charges what was read since pace_begin(), and held: once, before the job ends, since the next of
 * the same thing may begin then. */
bool pace_charge(struct course *c, GError **error);
