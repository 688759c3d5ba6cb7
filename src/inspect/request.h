/* What the program asks an inspector to do: one packet of JSON, with a descriptor for each disk. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum inspect_task {
    TASK_FRAME,
    TASK_VOLUMES,
    TASK_LIST,
    TASK_COPY_FILE,
    TASK_COPY_DISK,
    TASK_CHECK_SANDBOX,
    TASK_COUNT
};

struct request_disk {
    char *name;        /* as the user gave it, for messages */
    char *snapshot;    /* NULL: the active state */
    char *export_name; /* of an NBD server, whose socket the descriptor is; NULL: a file */
    char *format;      /* "raw", "qcow2"; NULL: by content */
    char *note;        /* why its bytes may be wrong, naming it; NULL */
    bool served;       /* the NBD server is the program itself, which may wait for storage */
};

struct request {
    enum inspect_task task;
    GPtrArray *disks;             /* struct request_disk *, owned */
    char *volume, *system, *path; /* NULL: not given */
    bool with_files, recursive, hash, types;
    uint64_t memory;  /* bytes */
    unsigned timeout; /* seconds; 0: none */
};
typedef struct request request;

struct request *request_new(enum inspect_task task);
/* Copies what it is given. */
void request_add_disk(struct request *r, const struct request_disk *disk);
void request_free(struct request *r);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(request, request_free)

/* NUL-terminated JSON; g_free(). */
char *request_write(const struct request *r);
struct request *request_read(const char *bytes, size_t len, GError **error);
