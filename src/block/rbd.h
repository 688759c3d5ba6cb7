/* Images of Ceph's block storage, read through librbd and never through the kernel. */
#pragma once
#include "block/block.h"
#include "block/rbd_name.h"

/* How a cluster is reached. NULL members: what Ceph itself takes by default (CEPH_CONF,
 * /etc/ceph/ceph.conf; client.admin; its keyring). */
struct rbd_access {
    const char *conf;    /* path of a configuration file */
    const char *user;    /* without "client." */
    const char *keyring; /* path */
    const char *key;     /* base64, goes over a keyring */
    unsigned timeout;    /* seconds in which the cluster has to answer; 0: RBD_TIMEOUT_SECONDS */
};

/* The bytes of the image at the snapshot, or as they are now; then a note says if somebody else has
 * it open. Holes are known. label: for people. ASSAY_ERROR_NOT_FOUND, _DENIED, or _IO when the
 * cluster does not answer in time; _UNSUPPORTED without librbd. */
struct block *block_rbd_new(const struct rbd_name *name, const struct rbd_access *access,
                            const char *label, GError **error);
#define RBD_TIMEOUT_SECONDS 30
#define RBD_TIMEOUT_MAX     3600 /* that settings may ask for */
