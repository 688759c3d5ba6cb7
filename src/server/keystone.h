/* Tokens of OpenStack Keystone (Identity API v3): who one speaks for, asked of Keystone itself and
 * remembered for a minute at most, never beyond the token's end. Of a token only a hash is kept.
 *
 * Settings ("keystone" of the file):
 *   url: https://keystone:5000/v3      ca_file: PEM
 *   user, user_domain (Default), project, project_domain (Default), and password_file or credential
 *     (of the site): the service's own login, with which it asks; without user each token asks for
 *     itself, which Keystone allows
 *   domain (Default): whose projects are ours by name; those of others by identifier only
 *   create_projects (false): a project that is not here yet is made
 *   roles: {reader: viewer, member: operator, admin: owner}; auditor and admin are of the whole
 * site cache_seconds (60) Any thread. */
#pragma once
#include "base/setting.h"
#include "store/caller.h"
#include "store/seal.h"

struct keystone;

/* Who a token speaks for. */
struct keystone_identity {
    gint references;
    char *user, *user_name;       /* identifier, "name" or "name@domain" */
    char *project, *project_name; /* NULL: not for a project; name NULL: of another domain */
    enum role role;               /* in the project */
    bool admin, auditor;          /* of the site */
    int64_t expires;              /* Unix microseconds */
    int64_t believed;             /* until then Keystone is not asked again */
};
void keystone_identity_unref(struct keystone_identity *i);

/* settings NULL: NULL without *error. Touches nothing but password_file. */
struct keystone *keystone_new(const json_t *settings, GError **error);
void keystone_free(struct keystone *k);
bool keystone_creates_projects(const struct keystone *k);

enum keystone_answer {
    KEYSTONE_VALID,
    KEYSTONE_INVALID,     /* unknown, expired or revoked */
    KEYSTONE_UNREACHABLE, /* with *error, which is for the log */
};
/* What is remembered of the token; NULL: nothing. keystone_identity_unref() */
struct keystone_identity *keystone_remembered(struct keystone *k, const char *token);
/* Asks Keystone. *out with KEYSTONE_VALID. db and seal are for the service's own password. */
enum keystone_answer keystone_ask(struct keystone *k, struct sql *db, struct seal *seal,
                                  const char *token, struct keystone_identity **out,
                                  GError **error);
