/* [epoch:]version[-release], the form that rpm has and pacman took over. */
#pragma once
#include "advisory/version_span.h"

struct evr {
    struct span epoch, version, release;
    bool has_epoch, has_release;
};

/* Any text can be split. Only digits (or nothing, for 0) before a colon are an epoch. */
static inline struct evr evr_of(const char *text)
{
    struct evr e = { .version = span_of(text) };
    struct span rest = e.version;
    e.epoch = span_take_digits(&rest);
    e.has_epoch = span_at(rest, ':');
    if (e.has_epoch)
        e.version.p = rest.p + 1;
    else
        e.epoch.end = e.epoch.p;
    e.has_release = span_split_last(e.version, '-', &e.version, &e.release);
    return e;
}
