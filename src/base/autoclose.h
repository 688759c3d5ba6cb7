/* Cleanup for file descriptors: `autoclose int fd = open(...)` closes on leaving the scope. */
#pragma once
#include <unistd.h>

static inline void close_fd_cleanup(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

/* Gives the descriptor away: the scope no longer closes it. */
static inline int take_fd(int *fd)
{
    int given = *fd;
    *fd = -1;
    return given;
}

#define autoclose __attribute__((cleanup(close_fd_cleanup)))
