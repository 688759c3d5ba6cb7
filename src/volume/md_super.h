/* Superblocks of Linux' md arrays, versions 0.90, 1.0, 1.1 and 1.2. */
#pragma once
#include "block/block.h"

#define MD_NAME_MAX 32

enum md_role { /* roles of members that hold no data; smaller numbers are places in the array */
               MD_ROLE_JOURNAL = 0xfffd,
               MD_ROLE_FAULTY = 0xfffe,
               MD_ROLE_SPARE = 0xffff,
};

struct md_super {
    const char *version; /* static: "0.90", "1.2"... */
    uint8_t uuid[16];
    char name[MD_NAME_MAX + 1]; /* "host:name"; "" for 0.90 */
    unsigned minor;             /* 0.90: of the device that it was */
    int32_t level;
    uint32_t layout;
    uint32_t chunk; /* bytes; 0 for levels without */
    uint32_t disks; /* places in the array */
    uint16_t role;
    bool recovering; /* not yet a full copy */
    bool reshaping;
    uint64_t events;
    uint64_t data_off, data_len; /* bytes of the member that belong to the array */
    uint64_t size;               /* bytes of each member that the array uses; 0 if they differ */
};

/* False when the block is no member of an array. */
bool md_super_read(struct block *b, struct md_super *out);
