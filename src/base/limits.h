/* Every named limit on what comes from outside, in one place.
 *
 * Reaching one is ASSAY_ERROR_LIMIT and shows up as coverage, never as silence. Sizes are bytes. */
#pragma once

#define LIMIT_BACKING_DEPTH      64           /* images in a backing chain */
#define LIMIT_IMAGE_HEADER       (64u << 10)  /* header of a disk image with its extensions */
#define LIMIT_SNAPSHOTS          65536u       /* internal snapshots of a disk image */
#define LIMIT_SNAPSHOT_TABLE     (64u << 20)
#define LIMIT_SNAPSHOT_EXTRA     1024         /* extra data of one snapshot */
#define LIMIT_NBD_OPTION         (16u << 10)  /* data of one option of an NBD client */
#define LIMIT_NBD_OPTIONS        64           /* that it may send before it starts */
#define LIMIT_NBD_REQUESTS       16           /* of it at once; more wait in its socket */
#define LIMIT_NBD_EXTENTS        4096         /* told of in one answer */
#define LIMIT_READ_UNITS         (8u << 20)   /* bits that remember what was read: 512 GiB by 64 KiB */
#define LIMIT_READ_RANGES        8192         /* kept of them with a frame */
#define LIMIT_RBD_NAME           255          /* pool, namespace, image or snapshot of Ceph */
#define LIMIT_RBD_RUNS           (4u << 20)   /* of data of one image; with more, all counts as data */
#define LIMIT_RBD_ASKED          16384        /* objects asked one by one whether they are there */
#define LIMIT_PARTITIONS         1024         /* per disk, logical ones included */
#define LIMIT_GPT_ENTRIES        (1u << 20)   /* the array of entries of a GPT */
#define LIMIT_VOLUMES            4096         /* partitions, LVs and arrays per target */
#define LIMIT_VOLUME_DEPTH       16           /* volumes in volumes: a disk is 0, its partitions are 1 */
#define LIMIT_LVM_METADATA       (16u << 20)  /* one copy of LVM text metadata */
#define LIMIT_LVM_AREAS          8            /* metadata areas of one physical volume; lvm2 makes 2 */
#define LIMIT_LVM_ITEMS          (128u << 20) /* memory for one copy of it, parsed */
#define LIMIT_LVM_NESTING        16           /* of sections in it; lvm2 writes 4 */
#define LIMIT_LVM_LAYERS         8            /* logical volumes built of logical volumes */
#define LIMIT_STRIPES            128          /* columns of a striped volume; Linux allows as many */
#define LIMIT_TREE_DEPTH         512          /* nested directories in a walk */
#define LIMIT_SYMLINKS           40           /* followed in one path (as Linux, path_resolution(7)) */
#define LIMIT_PATH               (64u << 10)  /* one path */
#define LIMIT_NAME               1024         /* one directory entry's name */
#define LIMIT_SYMLINK_TARGET     (64u << 10)
#define LIMIT_DIRECTORY_ENTRIES  10000000u    /* in one directory */
#define LIMIT_FAULTS             1000         /* remembered per filesystem; more are counted */
#define LIMIT_SYSTEMS            64           /* operating systems per target */
#define LIMIT_SMALL_FILE         (1u << 20)   /* os-release, fstab, passwd... */
#define LIMIT_PACKAGE_DB         (512u << 20) /* dpkg status, rpm database... */
#define LIMIT_PACKAGES           1000000u     /* per system */
#define LIMIT_PACKAGE_FIELD      4096u        /* bytes kept of one fact about a package */
#define LIMIT_KEPT_PACKAGES      200000u      /* of one frame, in the store of a service */
#define LIMIT_KERNEL_ENTRIES     4096u        /* names in /boot or in a folder of modules */
#define LIMIT_RPM_HEADER         (64u << 20)  /* one package in the RPM database */
#define LIMIT_RPM_ENTRIES        65536u       /* in its index (rpm: HEADER_TAGS_MAX) */
#define LIMIT_USERS              1000000u
#define LIMIT_JOURNAL_OVERLAY    (256u << 20) /* replayed journal blocks kept in memory */
#define LIMIT_JOURNAL_UNITS      (1u << 20)   /* replayed journal blocks in all */
#define LIMIT_SUBVOLUMES         65536u       /* of one filesystem (btrfs) */
#define LIMIT_BTRFS_CHUNKS       (1u << 20)   /* stripes of all chunks; one covers up to 10 GiB */
#define LIMIT_BTRFS_CACHE        (16u << 20)  /* tree blocks kept in memory */
#define LIMIT_BTRFS_COMPRESSED   (1u << 20)   /* one compressed extent; Linux writes 128 KiB */
#define LIMIT_BTRFS_REPORTED     65536u       /* damaged places remembered, to report them once */
#define LIMIT_XFS_CACHE          (16u << 20)  /* inodes, directory and tree blocks kept in memory */
#define LIMIT_XFS_DIRECTORY_BLOCKS (4u << 20) /* looked at in one directory */
#define LIMIT_XFS_INDEX_STEPS    1000000u     /* entries of one hash looked at for one name */
#define LIMIT_XFS_ATTR_BLOCKS    65536u       /* of extended attributes, of one inode */
#define LIMIT_XFS_ATTR_BYTES     (64u << 20)  /* ... names and values */
#define LIMIT_EXT_GROUPS         (1u << 20)   /* block groups of ext4: 128 TiB of 4 KiB blocks */
#define LIMIT_EXT_REVOKES        (1u << 20)   /* of one transaction of the journal */
#define LIMIT_HASHED_HOLES       (64ull << 30) /* of a system: zeros cost time like any bytes */
#define LIMIT_HARD_LINKS         262144u       /* contents with several names kept at once */
#define LIMIT_FRAME_MEMORY       (2048u << 20)
#define LIMIT_FRAME_RECORD       (1u << 20)   /* one record between inspector and program */
#define LIMIT_FRAME_JSON         (2047u << 20) /* a frame read from a file */
#define LIMIT_FRAME_JSON_RECORD  (8u << 20)   /* one record of it */
#define LIMIT_ADVISORY_RECORD    (64u << 20)  /* one record of a feed (Red Hat kernel errata are large) */
#define LIMIT_FEED_HEAD          (256u << 10) /* bytes of a stream looked at to tell what it is */
#define LIMIT_FEED_FIELD         4096u        /* a package name, a version, an id in a feed */
#define LIMIT_FEED_TITLE         160u         /* bytes kept of what an advisory says */
#define LIMIT_FEED_STATEMENTS    4000000u     /* of one record */
#define LIMIT_FEED_STRINGS       8000000u     /* distinct versions of one feed */
#define LIMIT_FEED_NESTING       6            /* a layer of packing in another ... */
#define LIMIT_FEED_BYTES         (64ull << 30) /* unpacked, of one path given to import */
#define LIMIT_FEED_CHANGELOG     (64u << 20)  /* of a Debian package, unpacked */
#define LIMIT_APT_RELEASE        (64u << 20)  /* a Release file */
#define LIMIT_FEED_DOWNLOAD      (8ull << 30)
#define LIMIT_FEED_XML_DEPTH     64
#define LIMIT_VEX_DOCUMENT       (64u << 20)  /* one document, unpacked */
#define LIMIT_VEX_BYTES          (1u << 30)   /* all documents of a set */
#define LIMIT_VEX_MEMORY         (2047u << 20) /* statements of a set */
#define LIMIT_VEX_STATEMENTS     8000000u
#define LIMIT_VEX_SUBJECT        (16u << 20)  /* what is made of one package to match it */
#define LIMIT_VEX_NESTING        64           /* components in components, products in branches */
#define LIMIT_VEX_WHOLES         8            /* a product in a product in ... */
#define LIMIT_PURL_QUALIFIERS    32u
#define LIMIT_IGNORE_LINE        8192u
#define LIMIT_VERSION_LINE       (64u << 10)  /* two versions to compare */
#define LIMIT_CVSS_VECTOR        4096u        /* a line to score */
#define LIMIT_FEEDS              4096u        /* in one database */
#define LIMIT_YAML_DEPTH         32           /* lists in maps in lists of a YAML file */
#define LIMIT_HTTP_BODY          (4u << 20)   /* of a request */
#define LIMIT_HTTP_CONNECTIONS   4096u
#define LIMIT_LISTENERS          2048u        /* to events, and waiting for the end of something */
#define LIMIT_LISTENER_QUEUE     4096u        /* events that one of them has not read yet */
#define LIMIT_EVENT_HISTORY      1000u        /* events of the past told to one who comes back */
#define LIMIT_HTTP_MEMORY        (32u << 10)  /* for the head of a request */
#define LIMIT_JSON_DEPTH         32           /* of a body, and of schemas that describe it */
#define LIMIT_REMOTE_ANSWER      (256u << 20) /* of a service, to a command */
#define LIMIT_MONITOR_LINE       (16u << 20)  /* one answer of a QEMU monitor or a guest agent */
#define LIMIT_MONITOR_EVENTS     100000u      /* told of while one answer is awaited */
#define LIMIT_HTTP_ANSWER        (16u << 20)  /* of another service, in memory */
#define LIMIT_BROKER_MESSAGE     (1u << 20)   /* bytes of a message that a broker brings */
#define LIMIT_KEY_FILE           4096         /* keys that secrets are sealed with */
#define LIMIT_M2_NAME            255          /* of a project or node in M2 */
#define LIMIT_IMPORT             10000        /* nodes of one import */
#define LIMIT_REMEMBERED         16384u       /* callers that another service has vouched for */
#define LIMIT_OUTSIDER           128          /* a user name there, bytes */
#define LIMIT_SECRET             8192         /* a password, a token, a key */
#define LIMIT_WATCHED_FILES      100000u      /* of a watched folder */
