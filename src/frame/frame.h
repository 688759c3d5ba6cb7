/* Frame: the facts of one target at one time.
 *
 * A target (one disk, several disks together, an image) holds volumes and any number of operating
 * systems; each system has packages, users, files and so on. What could not be looked at is
 * coverage, part of the frame like any other fact.
 *
 * Every kind of record is a plain struct plus a table of its fields (frame_kinds[]): the JSON form,
 * the wire form between inspector and program, comparison and diff all work from that table, so a
 * new fact is one struct member and one table line.
 *
 * Records live in the frame's arena and are constant once added. A frame is built by one thread.
 * Files, of which there may be millions, are kept encoded and decoded one at a time. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cursor.h"

typedef struct frame frame;

enum frame_kind {
    /* of the target */
    FRAME_VOLUME,
    FRAME_COVERAGE,
    /* of a system */
    FRAME_OS,
    FRAME_MOUNT,
    FRAME_KERNEL,
    FRAME_PACKAGE,
    FRAME_USER,
    FRAME_GROUP,
    FRAME_FILE,
    FRAME_KIND_COUNT
};

enum coverage_state { COVERAGE_READ, COVERAGE_PARTIAL, COVERAGE_UNREADABLE, COVERAGE_SKIPPED,
                      COVERAGE_STATE_COUNT };

struct frame_volume {
    const char *name;      /* "disk0p1"; see volume/volume.h */
    const char *kind;      /* "disk", "partition", "logical", "array" */
    const char *parent;    /* name; NULL */
    uint64_t offset, size; /* bytes */
    const char *content;   /* "gpt", "mbr", "lvm2-pv", "ext4", "xfs", "swap"...; NULL unknown */
    const char *type;      /* partition type */
    const char *label;     /* of the filesystem, else of the partition */
    const char *uuid;      /* of the filesystem */
    const char *part_uuid; /* of the partition or LV */
    const char *recovery;  /* "none", "replayed", "needed" for filesystems with a journal */
    const char *image;     /* disks: name of the file or URL it was read from */
    const char *format;    /* disks: "raw", "qcow2" */
};

struct frame_coverage {
    const char *kind;   /* "disk", "partition", "volume", "filesystem", "system", "mount",
                           "directory", "package database", "file", "advisories" */
    const char *object; /* which one */
    enum coverage_state state;
    const char *reason; /* NULL for read */
    const char *code;   /* assay_error_name() of the cause; NULL */
    const char *system; /* frame_os.root it belongs to; NULL: the target */
};

struct frame_os {
    const char *root;       /* where it was found: "disk0p2", "vg0/root", "disk0p2[@]" */
    const char *id;         /* os-release ID: "debian", "rhel"...; made up from other files when
                               there is no os-release; NULL unknown */
    const char *const *id_like; /* NULL-terminated; NULL */
    const char *name, *pretty_name;
    const char *version, *version_id; /* "12 (bookworm)", "12" */
    const char *codename;             /* "bookworm" */
    const char *variant_id;
    const char *cpe;        /* CPE_NAME */
    const char *build_id;
    const char *point_release; /* /etc/debian_version, redhat-release's "8.10"... */
    const char *architecture;  /* "amd64", "x86_64": as the package manager says; NULL */
    const char *machine_id, *hostname;
    const char *recovery;   /* the worst of its filesystems */
    int64_t support_end;    /* os-release SUPPORT_END, Unix seconds; 0 none */
};

struct frame_mount {
    const char *path;   /* where in the system, bytes */
    const char *source; /* as fstab says: "UUID=..." */
    const char *volume; /* frame_volume.name it was found on; NULL if not found */
    const char *type, *options;
    enum coverage_state state;
};

struct frame_kernel {
    const char *version; /* release: "6.1.0-28-amd64" */
    const char *path;    /* of the image in the root, or of the modules folder */
    const char *package; /* owning package if the name tells; NULL */
    bool has_modules, has_image;
};

struct frame_package {
    const char *type;    /* purl type: "deb", "rpm", "apk", "alpm", later "pypi", "npm"... */
    const char *name;
    const char *version; /* whole, as the manager compares it: "1:2.3-4", with rpm epoch only if
                            the header has one */
    const char *arch;
    const char *source, *source_version; /* source package; never NULL for deb and apk: equal to
                                            name and version when the record says nothing */
    const char *source_rpm; /* rpm: "bash-5.1-1.el9.src.rpm" */
    const char *vendor;     /* rpm Vendor, deb Maintainer */
    const char *origin;     /* repository or distribution it came from if known (deb Origin...) */
    const char *module;     /* rpm modularity label "nodejs:18:8090020231211:rhel9" */
    const char *license;
    const char *path;       /* the database or file that says so */
    uint64_t size;          /* installed bytes; 0 not known */
    int64_t installed;      /* Unix seconds; 0 not known */
    const char *signature;  /* rpm: key id that signed it, hex; NULL */
};

struct frame_user {
    const char *name;
    uint64_t uid, gid;
    const char *gecos, *home, *shell;
    const char *password; /* "set", "locked", "empty", "none" (no login), "unknown"; never a hash */
};

struct frame_group {
    const char *name;
    uint64_t gid;
    const char *const *members; /* NULL-terminated; NULL */
};

struct frame_file {
    const char *path; /* absolute in the system, bytes */
    const char *type; /* "file", "directory", "symlink", "char", "block", "fifo", "socket" */
    uint64_t size;
    uint64_t mode; /* permission bits 07777 */
    uint64_t uid, gid, nlink;
    int64_t mtime, ctime;
    const char *target;     /* symlinks, bytes */
    const char *sha1, *sha256; /* lower-case hex; NULL when not read (then fault says why) */
    const char *media_type;
    const char *fault;
};

/* --- field tables ---------------------------------------------------------------------------- */

enum frame_type {
    FRAME_TYPE_STRING,  /* const char *, UTF-8 meant */
    FRAME_TYPE_BYTES,   /* const char *, any bytes but NUL; JSON adds "<name>_base64" if not UTF-8 */
    FRAME_TYPE_STRINGS, /* const char *const *, NULL-terminated */
    FRAME_TYPE_HEX,     /* const char *, lower-case hex; packed on the wire */
    FRAME_TYPE_U64,
    FRAME_TYPE_OCTAL,   /* uint64_t, JSON string "0755" */
    FRAME_TYPE_TIME,    /* int64_t Unix seconds; 0 is absent; RFC 3339 in JSON */
    FRAME_TYPE_BOOL,
    FRAME_TYPE_STATE,   /* enum coverage_state, its name in JSON */
    FRAME_TYPE_COUNT
};

struct frame_field {
    const char *name; /* as in JSON */
    enum frame_type type;
    size_t offset; /* in the record's struct */
    bool required; /* strings: never NULL; checked when added, decoded and read */
    const char *description; /* for docs/frame.schema.json */
};

struct frame_kind_info {
    const char *name;        /* as in JSON: "packages" */
    const char *description; /* of one record, for docs/frame.schema.json */
    size_t size;             /* of the struct */
    bool of_system;
    const struct frame_field *fields; /* sort order: records compare field by field */
    size_t field_count;
};

extern const struct frame_kind_info frame_kinds[FRAME_KIND_COUNT];

/* Total order over two records of one kind, field by field in table order. Digits within STRING
 * fields count as numbers ("disk0p2" before "disk0p10"). */
int frame_record_compare(enum frame_kind kind, const void *a, const void *b);

/* --- frames ------------------------------------------------------------------------------------ */

struct frame_system {
    const struct frame_os *os;
    GPtrArray *records[FRAME_KIND_COUNT]; /* kinds of_system except OS and FILE; never NULL there */
    struct frame_files *files;            /* NULL: files were not asked for */
};

struct frame {
    struct arena *arena;
    const char *target;  /* as the user named it */
    const char *version; /* of assay */
    int64_t created;     /* Unix seconds */
    bool with_files;
    uint64_t bytes_read; /* from the host for this frame; not part of the deterministic forms */
    GPtrArray *volumes;  /* struct frame_volume */
    GPtrArray *coverage; /* struct frame_coverage */
    GPtrArray *systems;  /* struct frame_system */
};

/* What frames and reports take for the time: SOURCE_DATE_EPOCH when set, else the clock. Unix
 * seconds. */
int64_t frame_now(void);

/* created: frame_now(). */
struct frame *frame_new(const char *target);
void frame_free(struct frame *f);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(frame, frame_free)

/* Adds a deep copy of a record. OS begins a new system; records of a system go to the last one
 * begun (ASSAY_ERROR_INVALID without one, or when a required field is NULL). Source name and
 * version of deb and apk packages are filled in when NULL. ASSAY_ERROR_LIMIT at
 * LIMIT_FRAME_MEMORY and when there are too many systems, packages or users. */
bool frame_add(struct frame *f, enum frame_kind kind, const void *record, GError **error);
/* Sorts everything. Call once, at the end. Files added in the order of frame_path_compare(), which
 * is what a walk through sorted directories meets, cost nothing here; others a copy of them all. */
void frame_finish(struct frame *f);

/* The state of the whole: UNREADABLE or PARTIAL if any coverage entry is; SKIPPED does not count. */
enum coverage_state frame_coverage_worst(const struct frame *f);
const char *coverage_state_name(enum coverage_state state);
bool coverage_state_parse(const char *name, enum coverage_state *out);

/* Order of paths: bytes, with '/' below all others, so that what is in a folder follows it directly. */
int frame_path_compare(const char *a, const char *b);

/* Files, in the order added. The record given to func is valid during the call; false ends. */
typedef bool (*frame_file_func)(const struct frame_file *file, void *user);
bool frame_files_each(const struct frame_files *files, frame_file_func func, void *user,
                      GError **error);
uint64_t frame_files_count(const struct frame_files *files);

/* --- wire form (wire.c) -------------------------------------------------------------------------
 * Between inspector and program: u8 kind, le32 length, then the fields in table order. Hostile on
 * the reading side: a broken inspector can only produce a broken frame. */

/* Bytes of the header: u8 kind, le32 length of what follows. */
#define FRAME_WIRE_HEADER 5

/* Appends one record, header included. ASSAY_ERROR_LIMIT above LIMIT_FRAME_RECORD: then nothing is
 * appended. */
bool frame_wire_append(GByteArray *out, enum frame_kind kind, const void *record, GError **error);
/* Decodes the fields of one record (without header; the cursor spans exactly them) into a struct of
 * frame_kinds[kind].size. Strings are allocated in the arena; arena_clear() it between records. */
bool frame_wire_decode(enum frame_kind kind, struct cursor *c, struct arena *a, void *record,
                       GError **error);
