/* Volumes: what the disks of one target are divided into.
 *
 * volume_set_scan() looks at every disk, then at everything that it finds inside, until nothing new
 * appears: partitions (MBR with EBR, GPT), LVM2 logical volumes over any of the disks, md mirrors.
 * A volume that is itself divided (a disk with a table, a physical volume, an array member) stays
 * in the set, marked by its content, so that a report shows the whole tree. Not thread-safe while
 * scanning; afterwards the set is constant. */
#pragma once
#include "block/block.h"

enum volume_kind {
    VOLUME_DISK,
    VOLUME_PARTITION,
    VOLUME_LOGICAL, /* LVM2 */
    VOLUME_ARRAY,   /* md */
    VOLUME_KIND_COUNT
};

struct volume {
    enum volume_kind kind;
    char *name;           /* unique in the set and stable: "disk0", "disk0p2", "vg0/root", "md0" */
    struct block *block;  /* owned reference; NULL when it cannot be read (see fault) */
    struct volume *parent; /* what it is a part of; NULL for disks, and for LVs and arrays over
                              several volumes */
    unsigned depth;       /* volumes below it; LIMIT_VOLUME_DEPTH is not split any further */
    uint64_t offset;      /* in the parent, bytes; 0 without one */
    uint64_t size;        /* bytes, as the table says, also when block is NULL */
    unsigned number;      /* partition number as the kernel counts; 0 for others */
    char *content;        /* what it divides into or belongs to: "gpt", "mbr", "lvm2-pv",
                             "md-member", "luks"...; NULL: perhaps a filesystem */
    char *type;           /* partition type: GPT GUID in lower case or MBR "0x83"; NULL */
    char *label;          /* partition name; NULL */
    char *uuid;           /* PARTUUID, LV or array uuid, lower case as /dev/disk shows it; NULL */
    char *fault;          /* why it, or a part of it, cannot be read, without its name; NULL */
    int fault_code;       /* enum assay_error, valid with fault */
    void *state;          /* what its driver knows of it between split and assemble; owned */
    GDestroyNotify state_free;
};

struct volume_set {
    GPtrArray *volumes; /* struct volume *, parents before children */
};
typedef struct volume_set volume_set;

struct volume_set *volume_set_new(void);
void volume_set_free(struct volume_set *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(volume_set, volume_set_free)

/* Adds one disk, referenced; named "disk0", "disk1"... in order. b NULL: it could not be opened, and
 * the caller sets the fault. Valid as long as the set. */
struct volume *volume_set_add_disk(struct volume_set *set, struct block *b);
/* Finds all volumes in the disks added. Whatever is wrong becomes a volume's fault, except that
 * more than LIMIT_VOLUMES volumes fail the scan. */
bool volume_set_scan(struct volume_set *set, GError **error);

/* For the drivers (mbr, gpt, lvm2, md): a new volume of the set. Strings are filled by the caller.
 * NULL with ASSAY_ERROR_LIMIT when there are too many. */
struct volume *volume_set_add(struct volume_set *set, enum volume_kind kind,
                              struct volume *parent, const char *name, GError **error);
/* v lies on this volume too: for what has no single parent. */
void volume_set_lies_on(struct volume *v, const struct volume *member);
/* Records a fault (the first one stays); takes the error. */
void volume_set_fault(struct volume *v, GError *error);

struct volume_driver {
    const char *name;
    const char *description;
    /* The volume divides into parts by this scheme: set v->content, add the parts. *claimed says
     * whether it does. Damage that still lets parts be read is a fault of v; false only for
     * ASSAY_ERROR_LIMIT. Called once for every volume with a block and no content yet. May be NULL. */
    bool (*split)(struct volume_set *set, struct volume *v, bool *claimed, GError **error);
    /* Called when no more volumes appear by splitting: builds what spans several volumes (LVs,
     * arrays) from the members found since. *grown says whether it added any. May be NULL. */
    bool (*assemble)(struct volume_set *set, bool *grown, GError **error);
};

/* NULL-terminated, in order of trying; the first to claim a volume has it. */
extern const struct volume_driver *const volume_drivers[];
