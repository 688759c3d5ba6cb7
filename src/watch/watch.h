/* What starts introspections without anybody asking for one: files that appear in watched folders,
 * and notifications of OpenStack. Each process of a service watches; who does what is agreed
 * through the store. */
#pragma once
#include <jansson.h>

#include "worker/worker.h"

struct watch_settings {
    const char *store;       /* URL */
    int64_t settle;          /* microseconds that a file has to stay as it is before it is taken */
    int64_t look;            /* ... between two looks at all files of a folder */
    const json_t *openstack; /* "openstack" of the settings, well-formed; NULL: none */
    struct worker *worker;   /* that is told of new jobs; NULL */
};

struct watch;
/* All that is given must live as long as the watch. */
struct watch *watch_start(const struct watch_settings *s, GError **error);
/* What it has done since its start, as Prometheus reads it. Any thread; accepts NULL. */
void watch_metrics(struct watch *w, GString *out);
/* Accepts NULL. */
void watch_stop(struct watch *w);
