/* Notifications of OpenStack, as oslo.messaging puts them on a broker: JSON in an envelope
 * ({"oslo.version": "2.0", "oslo.message": "<JSON text>"}), or without one. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/* Identifiers are checked: letters, digits, '.', '_', '-', not "." or "..": they become parts of
 * locations. */
struct oslo_event {
    char *message; /* identifier, the same when it is sent again */
    char *type;    /* "snapshot.create.end" */
    char *tenant;  /* the rest NULL when it is not there */
    char *volume, *snapshot, *backup;
    char *base; /* RBD image that a backup is kept in, as Cinder's Ceph driver names it */
};
/* ASSAY_ERROR_CORRUPT says what is wrong. */
bool oslo_parse(const void *data, size_t len, struct oslo_event *e, GError **error);
void oslo_event_clear(struct oslo_event *e);

/* Whether a template of a location names only what is known: {tenant_id}, {volume_id},
 * {snapshot_id}, {backup_id}, {base}. */
bool oslo_template_valid(const char *template, GError **error);
/* The location of what an event tells of; NULL with *error when the event lacks something. g_free()
 */
char *oslo_location(const char *template, const struct oslo_event *e, GError **error);
