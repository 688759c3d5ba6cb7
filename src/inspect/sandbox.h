/* Locking the inspector in.
 *
 * After sandbox_enter() the process can read the descriptors it holds, write to those open for
 * writing, allocate memory up to the limit and start threads. It cannot open anything by name,
 * make sockets, start programs, signal or trace others, or gain rights. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct sandbox_limits {
    uint64_t memory;      /* bytes beyond what the program takes when it starts */
    unsigned cpu_seconds; /* 0: none */
};

bool sandbox_enter(const struct sandbox_limits *limits, GError **error);

/* Tries what must be impossible, from inside; one line per attempt appended to out. False when
 * something succeeded. */
bool sandbox_check(GString *out);
