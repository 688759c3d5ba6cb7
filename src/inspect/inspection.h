/* Inside the inspector: what analyzers are given, and how they report.
 *
 * An analyzer looks at one system and emits facts. A driver is one file that fills one struct
 * analyzer and one line in analyzers.c; the simplest to copy is analyze_users.c. */
#pragma once
#include "frame/frame.h"
#include "root/root.h"
#include "volume/volume.h"

/* Where the inspector's results go. */
struct emitter {
    int fd;
    GByteArray *buffer;
};
/* Ends the process when the program is gone: there is nobody left to tell. */
void emit_record(struct emitter *e, enum frame_kind kind, const void *record);
void emit_message(struct emitter *e, unsigned kind, const void *bytes, size_t len);
/* phase is shown to people while work goes on; sent at most every 100 ms. */
void emit_progress(struct emitter *e, const char *phase, uint64_t files);
void emit_flush(struct emitter *e);
/* Drops what has not been sent yet. */
void emit_forget(struct emitter *e);

/* One system under inspection. */
struct inspection {
    struct emitter *emitter;
    struct root *root;
    struct frame_os os;  /* valid once the os analyzer has run (it is the first) */
    struct arena *arena; /* lives as long as the inspection; for strings of os */
    struct hasher *hasher; /* for the files; NULL: they are not wanted */
    bool has_packages;            /* some have been emitted */
    bool has_database;            /* a package database has been told of ... */
    bool has_database_fault;      /* ... that could not be read wholly */
    struct kernel_owner *kernels; /* what package analyzers say about kernels: kernel_owner.h */
};

/* Facts of the system. */
void inspection_emit(struct inspection *in, enum frame_kind kind, const void *record);
/* Coverage of the system. reason NULL only for COVERAGE_READ. */
void inspection_cover(struct inspection *in, const char *kind, const char *object,
                      enum coverage_state state, const char *code, const char *reason);
/* Coverage from an error: UNREADABLE, or PARTIAL when something was read before. Takes the error.
 */
void inspection_cover_error(struct inspection *in, const char *kind, const char *object,
                            bool partial, GError *error);

struct analyzer {
    const char *name;        /* "dpkg" */
    const char *description; /* one line */
    bool for_files;          /* only when every file is wanted */
    /* Reports everything itself, failures too. A system without what it looks for: nothing. */
    void (*run)(struct inspection *in);
};
/* NULL-terminated, in order of running; "os" is the first. */
extern const struct analyzer *const analyzers[];

/* --- shared by the inspector's tasks ------------------------------------------------------------
 */

/* The disks, volumes and filesystems of the target. */
/* A disk as the inspector got it. */
struct survey_disk {
    char *name;          /* as the user gave it */
    struct block *block; /* owned reference; NULL when it could not be opened */
    const char *format;  /* of the image; NULL when it could not be opened */
    GError *fault;       /* why not; NULL */
};
void survey_disk_free(struct survey_disk *d);

struct survey {
    struct volume_set *volumes;
    GPtrArray *disks;       /* struct survey_disk *, borrowed; volumes[i] is of disks[i] */
    GPtrArray *filesystems; /* struct root_filesystem *, owned */
};
void survey_done(struct survey *s);
/* Emits volumes and their coverage on the way. */
bool survey_run(struct survey *s, struct emitter *e, GPtrArray *disks, GError **error);
/* Coverage of what the image's reader noticed: an image marked corrupt reads, but may read wrong.
 */
void survey_cover_notes(struct emitter *e, const char *disk, const struct block *b);
/* The filesystem on the named volume; ASSAY_ERROR_NOT_FOUND, or why it could not be opened. */
struct root_filesystem *survey_filesystem(struct survey *s, const char *volume, GError **error);
/* Coverage of what the trees met while they were being read; call last. */
void survey_cover_faults(struct survey *s, struct emitter *e);

/* The system of that name, or with NULL the only one there is. ASSAY_ERROR_NOT_FOUND says what
 * there is. The roots (struct root *, owned by the array) must outlive it. */
struct root *survey_system(struct survey *s, const char *name, GPtrArray **roots, GError **error);

/* Examines every system: runs the analyzers. hasher NULL: not those for files. */
bool examine_systems(struct survey *s, struct emitter *e, struct hasher *hasher, GError **error);
/* Only says which there are. */
bool examine_names(struct survey *s, struct emitter *e, GError **error);
