/* Inspection: from a target's bytes to its frame, in a sandboxed process.
 *
 * The program opens the target's files itself and hands their descriptors to an inspector: assay
 * re-executed, which locks itself in (sandbox.h) before it reads the first byte of the target. It
 * sends back records over a pipe. Whatever happens to it, the program gets a frame: if the
 * inspector dies or exceeds a limit, the target's coverage says so.
 *
 *     g_autoptr(inspect_target) target = inspect_target_open(names, 1, &options, &error);
 *     g_autoptr(frame) f = inspect_frame(target, &options, &error); */
#pragma once
#include <stdio.h>

#include "frame/frame.h"

struct block;
struct rbd_access;
typedef struct inspect_target inspect_target;

enum inspect_references {
    INSPECT_REFERENCES_TREE, /* backing and data files below the folder of the image named */
    INSPECT_REFERENCES_NONE, /* no backing or data file at all */
    INSPECT_REFERENCES_ANY,  /* anything this user can read */
    INSPECT_REFERENCES_COUNT
};
/* "tree", "none", "any". */
bool inspect_references_parse(const char *name, enum inspect_references *out);

struct inspect_progress {
    const char *phase; /* "volumes", "dpkg", "files"... */
    uint64_t bytes_read, files;
};

struct inspect_options {
    const char *format; /* of the image: "raw", "qcow2"; NULL: by content */
    enum inspect_references references;
    const struct rbd_access *ceph; /* for rbd: targets; NULL: Ceph's defaults */
    bool with_files; /* record every file, hashed */
    bool no_types; /* with files: without media types, which take several times as long as hashes */
    uint64_t memory;  /* ceiling of the inspector's memory, bytes; 0: INSPECT_DEFAULT_MEMORY */
    unsigned timeout; /* seconds of wall time; 0: none */
    void (*progress)(const struct inspect_progress *p, void *user); /* NULL: none */
    /* Whether to go on, asked several times a second; false ends the inspector. NULL: yes. */
    bool (*wanted)(void *user);
    /* Whether a file that an image names may be opened, beside what references says: its path without
     * symbolic links. NULL: yes. */
    bool (*may_open)(const char *path, void *user);
    /* How a file that an image names is read: a block over its bytes, which the inspector then reads
     * through this process. Takes no reference of file. NULL: it is given the file itself. */
    struct block *(*guard)(struct block *file, void *user);
    void *user;
    bool refuse_used; /* files that an image names and somebody writes to (block/in_use.h) */
};
#define INSPECT_DEFAULT_MEMORY (1024ull << 20)

/* Opens what the names say: one disk, or several that belong together. Names are paths (with
 * "@snapshot" for an internal snapshot), block devices, nbd://HOST[:PORT]/EXPORT,
 * nbd+unix:///EXPORT?socket=PATH, or rbd:POOL/[NAMESPACE/]IMAGE[@SNAPSHOT]. */
struct inspect_target *inspect_target_open(char **names, size_t count,
                                           const struct inspect_options *options, GError **error);

/* A disk that this process has opened itself: storage of a cluster, a view of a disk in use. The
 * inspector reads it through this process (block/export.h). */
struct inspect_source {
    struct block *block; /* the bytes of the image, device or volume; its notes become coverage */
    const char *name;    /* for people: "rbd:pool/image" */
    const char *path;   /* of a file, absolute and without symbolic links, when what its image names
                           (backing and data files) may be opened as options->references allow;
                           NULL: none of it */
    const char *format; /* of this disk: "raw", "qcow2"; NULL: options->format, or by content */
    const char *note;   /* why its bytes may be wrong ("read while in use"); NULL: they are right */
};
/* Several sources are disks of one machine. The blocks are referenced, and interrupted
 * (block_interrupt()) when the target is freed. */
struct inspect_target *inspect_target_of_blocks(const struct inspect_source *sources, size_t count,
                                                const struct inspect_options *options,
                                                GError **error);
void inspect_target_free(struct inspect_target *t);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(inspect_target, inspect_target_free)
/* For messages: the names joined. */
const char *inspect_target_name(const struct inspect_target *t);
/* How many further files its images named and were given: what was read is not in its disks alone. */
unsigned inspect_target_references(const struct inspect_target *t);
/* After an inspection: why bytes that this process serves (of a source, of a file that an image
 * names) could first not be read, so that the frame tells less than there is. NULL: all could.
 * g_error_free() */
GError *inspect_target_failure(const struct inspect_target *t);

/* The frame of the target; NULL only when no inspector could be started, or with
 * ASSAY_ERROR_INVALID when the options make no sense for the target. A target is used once. */
struct frame *inspect_frame(struct inspect_target *t, const struct inspect_options *options,
                            GError **error);
/* Only volumes, filesystems and systems, without looking into packages. */
struct frame *inspect_volumes(struct inspect_target *t, const struct inspect_options *options,
                              GError **error);

/* Where in a target a path is meant. */
struct inspect_place {
    const char *volume; /* the filesystem on that volume, as it is; NULL: a system's root */
    const char *system; /* which one (frame_os.root); NULL: the only one */
    const char *path;
};
struct inspect_list_options {
    struct inspect_place place;
    bool recursive;
    bool hash;  /* SHA-1 and SHA-256 of regular files */
    bool types; /* with hash: their media types too, which take ten times as long */
};
/* What list and copy met that could not be read, or that may be wrong. Valid during the call. */
typedef void (*inspect_coverage_func)(const struct frame_coverage *c, void *user);
/* Entries in the order of frame_path_compare(); path is absolute in the root. An entry that could
 * not be read (wholly) has fault set. coverage gets only what is partial or unreadable. */
bool inspect_list(struct inspect_target *t, const struct inspect_options *options,
                  const struct inspect_list_options *list, frame_file_func func,
                  inspect_coverage_func coverage, void *user, GError **error);
/* A file's bytes, or with place NULL those of the first disk, to out. */
bool inspect_copy(struct inspect_target *t, const struct inspect_options *options,
                  const struct inspect_place *place, FILE *out, inspect_coverage_func coverage,
                  void *user, GError **error);

/* What an inspector can and cannot do, tried from inside; lines "open file: denied" to out. False
 * with *error NULL when something was possible that must not be. */
bool inspect_sandbox_check(FILE *out, GError **error);

/* What main() runs when the program was started as inspector. Never returns. */
_Noreturn void inspector_main(void);
#define INSPECTOR_ARGV0 "assay-inspector"
