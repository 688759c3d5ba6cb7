/* The steps of the schema. What has been released is never changed, only followed by another. */
#include "store/store.h"

const struct store_step store_steps[] = {
    { "jobs", "CREATE TABLE job ("
              " id TEXT PRIMARY KEY,"
              " kind TEXT NOT NULL,"
              " project TEXT NOT NULL,"    /* whose turn it is, and whose limit counts */
              " pool TEXT NOT NULL,"       /* storage that it loads; '' none */
              " priority BIGINT NOT NULL," /* higher first */
              " payload TEXT NOT NULL,"    /* JSON */
              " state TEXT NOT NULL,"      /* queued, running, done, dead, cancelled */
              " attempt BIGINT NOT NULL,"  /* runs begun */
              " created BIGINT NOT NULL,"
              " due BIGINT NOT NULL," /* not before */
              " worker TEXT,"         /* who runs it */
              " lease BIGINT,"        /* until when, without a heartbeat */
              " cancelling BIGINT NOT NULL DEFAULT 0,"
              " finished BIGINT,"
              " progress TEXT,"
              " result TEXT,"
              " reason TEXT" /* of the last failure */
              ");"
              "CREATE INDEX job_waiting ON job (state, priority, created);"
              "CREATE INDEX job_project ON job (project, state);" },
    { "accounts", "CREATE TABLE account ("
                  " id TEXT PRIMARY KEY,"
                  " name TEXT NOT NULL UNIQUE,"
                  " site TEXT NOT NULL," /* '', auditor, admin */
                  " password TEXT,"      /* argon2id; NULL: cannot log in with one */
                  " disabled BIGINT NOT NULL DEFAULT 0,"
                  " created BIGINT NOT NULL,"
                  " version BIGINT NOT NULL DEFAULT 1"
                  ");"
                  "CREATE TABLE token ("
                  " id TEXT PRIMARY KEY,"
                  " account TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,"
                  " digest TEXT NOT NULL UNIQUE," /* SHA-256 */
                  " kind TEXT NOT NULL,"          /* session, api */
                  " name TEXT NOT NULL,"
                  " scopes TEXT NOT NULL," /* words: read, write, admin */
                  " created BIGINT NOT NULL,"
                  " expires BIGINT NOT NULL," /* 0: never */
                  " used BIGINT NOT NULL DEFAULT 0"
                  ");"
                  "CREATE INDEX token_account ON token (account, id);"
                  "CREATE TABLE login_failure ("
                  " subject TEXT PRIMARY KEY," /* name, address, or both */
                  " failures BIGINT NOT NULL,"
                  " since BIGINT NOT NULL"
                  ");" },
    { "projects", "CREATE TABLE project ("
                  " id TEXT PRIMARY KEY,"
                  " name TEXT NOT NULL UNIQUE,"
                  " description TEXT NOT NULL,"
                  " locations TEXT NOT NULL," /* JSON: patterns of what it may have examined */
                  " created BIGINT NOT NULL,"
                  " version BIGINT NOT NULL DEFAULT 1"
                  ");"
                  "CREATE TABLE member ("
                  " project TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
                  " account TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,"
                  " role BIGINT NOT NULL," /* 1 viewer, 2 operator, 3 owner */
                  " created BIGINT NOT NULL,"
                  " PRIMARY KEY (project, account)"
                  ");"
                  "CREATE INDEX member_account ON member (account, project);" },
    { "nodes", "CREATE TABLE node ("
               " id TEXT PRIMARY KEY,"
               " project TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
               " name TEXT NOT NULL,"
               " disks TEXT NOT NULL,"    /* JSON: locations */
               " labels TEXT NOT NULL,"   /* JSON: name -> text */
               " schedule TEXT NOT NULL," /* '' none */
               " source TEXT NOT NULL,"   /* own, hil, m2, openstack */
               " created BIGINT NOT NULL,"
               " version BIGINT NOT NULL DEFAULT 1,"
               " UNIQUE (project, name)"
               ");"
               "CREATE INDEX node_project ON node (project, id);"
               "CREATE TABLE image ("
               " id TEXT PRIMARY KEY,"
               " project TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
               " name TEXT NOT NULL,"
               " kind TEXT NOT NULL," /* file, rbd, registry, folder */
               " location TEXT NOT NULL,"
               " labels TEXT NOT NULL,"
               " schedule TEXT NOT NULL,"
               " created BIGINT NOT NULL,"
               " version BIGINT NOT NULL DEFAULT 1,"
               " UNIQUE (project, name)"
               ");"
               "CREATE INDEX image_project ON image (project, id);" },
    { "requests", "CREATE TABLE request (" /* that must not be done twice */
                  " account TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,"
                  " idempotency TEXT NOT NULL," /* the caller's key */
                  " digest TEXT NOT NULL,"      /* of method, path and body, with a key */
                  " status BIGINT NOT NULL,"
                  " location TEXT,"
                  " etag TEXT,"
                  " body TEXT NOT NULL,"
                  " created BIGINT NOT NULL,"
                  " PRIMARY KEY (account, idempotency)"
                  ");"
                  "CREATE INDEX request_created ON request (created);" },
    { "introspections",
      "CREATE TABLE introspection ("
      " id TEXT PRIMARY KEY,"
      " project TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
      " kind TEXT NOT NULL," /* node, image */
      " thing TEXT NOT NULL,"
      " thing_name TEXT NOT NULL,"
      " job TEXT NOT NULL,"
      " state TEXT NOT NULL," /* queued, running, done, failed, cancelled */
      " deep BIGINT NOT NULL,"
      " fresh BIGINT NOT NULL,"
      " requested_by TEXT NOT NULL,"
      " created BIGINT NOT NULL,"
      " started BIGINT NOT NULL DEFAULT 0,"
      " finished BIGINT NOT NULL DEFAULT 0,"
      " step TEXT NOT NULL DEFAULT '',"
      " steps TEXT NOT NULL DEFAULT '[]',"
      " handles TEXT NOT NULL DEFAULT '[]'," /* of snapshots that may still be there */
      " reason TEXT,"
      " frame TEXT,"
      " reused BIGINT NOT NULL DEFAULT 0,"
      " bytes_read BIGINT NOT NULL DEFAULT 0,"
      " coverage TEXT,"
      " summary TEXT,"
      " changes TEXT"
      ");"
      "CREATE INDEX introspection_thing ON introspection (thing, id);"
      "CREATE INDEX introspection_project ON introspection (project, id);"
      "CREATE INDEX introspection_left ON introspection (state) WHERE handles <> '[]';"
      "CREATE TABLE event ("
      " id TEXT PRIMARY KEY,"
      " project TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
      " kind TEXT NOT NULL,"
      " data TEXT NOT NULL,"
      " time BIGINT NOT NULL"
      ");"
      "CREATE INDEX event_project ON event (project, id);"
      "CREATE INDEX event_time ON event (time);" },
    { "examination",
      "ALTER TABLE node ADD COLUMN options TEXT NOT NULL DEFAULT '{}';" /* how it is examined */
      "ALTER TABLE image ADD COLUMN options TEXT NOT NULL DEFAULT '{}';" },
    { "workers",
      /* Of a job that will not be run again: what its runs left has been cleared away. */
      "ALTER TABLE job ADD COLUMN cleared BIGINT NOT NULL DEFAULT 0;"
      "CREATE INDEX job_uncleared ON job (id) WHERE cleared = 0 AND state IN ('dead', 'cancelled');"
      "CREATE INDEX job_running ON job (worker) WHERE state = 'running';"
      "CREATE TABLE duty ("
      " name TEXT PRIMARY KEY,"
      " worker TEXT,"                     /* who does it */
      " lease BIGINT NOT NULL DEFAULT 0," /* until when, unless prolonged */
      " due BIGINT NOT NULL DEFAULT 0"    /* when it is to be done again */
      ");" },
    { "frames", "CREATE TABLE frame ("
                " id TEXT PRIMARY KEY,"
                " project TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
                " kind TEXT NOT NULL," /* node, image */
                " thing TEXT NOT NULL,"
                " introspection TEXT NOT NULL,"
                " created BIGINT NOT NULL,"
                " size BIGINT NOT NULL," /* of its JSON form */
                " sha256 TEXT NOT NULL," /* ... and its digest */
                " locations TEXT NOT NULL,"
                " identities TEXT NOT NULL," /* what the disks' bytes were known by */
                " reads TEXT NOT NULL,"      /* what of them was read */
                " body @BLOB@ NOT NULL"      /* JSON, zstd */
                ");"
                "CREATE INDEX frame_thing ON frame (thing, id);"
                "CREATE INDEX frame_project ON frame (project, id);" },
    { "schedules", "ALTER TABLE node ADD COLUMN next_due BIGINT NOT NULL DEFAULT 0;"
                   "ALTER TABLE image ADD COLUMN next_due BIGINT NOT NULL DEFAULT 0;"
                   "CREATE INDEX node_due ON node (next_due) WHERE schedule <> '';"
                   "CREATE INDEX image_due ON image (next_due) WHERE schedule <> '';" },
    { "announcements",
      /* When a broker was told of a waiting job; 0: not yet; negative: somebody is about to. */
      "ALTER TABLE job ADD COLUMN announced BIGINT NOT NULL DEFAULT 0;"
      "CREATE INDEX job_unannounced ON job (due) WHERE state = 'queued' AND announced <= 0;" },
    { "secrets", "CREATE TABLE seal_key (" /* keys of the key file, by name */
                 " id TEXT PRIMARY KEY,"
                 " created BIGINT NOT NULL"
                 ");"
                 "CREATE TABLE credential ("
                 " id TEXT PRIMARY KEY,"
                 " project TEXT REFERENCES project (id) ON DELETE CASCADE," /* NULL: the site's */
                 " owner TEXT NOT NULL," /* the same, '' for the site */
                 " name TEXT NOT NULL,"
                 " kind TEXT NOT NULL," /* password, token, key */
                 " description TEXT NOT NULL,"
                 " secret TEXT NOT NULL," /* sealed */
                 " created BIGINT NOT NULL,"
                 " changed BIGINT NOT NULL,"
                 " version BIGINT NOT NULL DEFAULT 1,"
                 " UNIQUE (owner, name)"
                 ");"
                 /* Users that another service vouches for: "keystone:ID"; their rights are not
                  * here. */
                 "ALTER TABLE account ADD COLUMN external TEXT;"
                 "CREATE UNIQUE INDEX account_external ON account (external);" },
    { "facts", "CREATE TABLE advisories (" /* states of the advisory database */
               " number @SERIAL@,"
               " digest TEXT NOT NULL UNIQUE,"
               " written BIGINT NOT NULL,"
               " feeds TEXT NOT NULL" /* JSON */
               ");"
               "CREATE TABLE context (" /* what matching looks at in an operating system */
               " number @SERIAL@,"
               " digest TEXT NOT NULL UNIQUE,"
               " os TEXT NOT NULL," /* JSON */
               " pro BIGINT NOT NULL,"
               " complete BIGINT NOT NULL,"
               " seen BIGINT NOT NULL"
               ");"
               "CREATE TABLE installed (" /* a package of a version in a context */
               " number @SERIAL@,"
               " digest TEXT NOT NULL UNIQUE,"
               " context BIGINT NOT NULL,"
               " advisories BIGINT NOT NULL," /* that it was judged by; 0: never */
               " seen BIGINT NOT NULL,"
               " type TEXT NOT NULL,"
               " name TEXT NOT NULL,"
               " version TEXT NOT NULL,"
               " arch TEXT,"
               " source TEXT,"
               " source_version TEXT,"
               " source_rpm TEXT,"
               " vendor TEXT,"
               " origin TEXT,"
               " module TEXT"
               ");"
               "CREATE TABLE vulnerability ("
               " number @SERIAL@,"
               " name TEXT NOT NULL UNIQUE,"
               " title TEXT,"
               " exploited BIGINT NOT NULL,"
               " ransomware BIGINT NOT NULL,"
               " kev_due BIGINT NOT NULL,"
               " epss BIGINT NOT NULL," /* millionths; -1 none */
               " percentile BIGINT NOT NULL"
               ");"
               "CREATE TABLE finding ("
               " installed BIGINT NOT NULL,"
               " vulnerability BIGINT NOT NULL,"
               " severity BIGINT NOT NULL,"
               " state BIGINT NOT NULL,"
               " fixed TEXT,"
               " advisories TEXT," /* names, separated by blanks */
               " aliases TEXT,"
               " PRIMARY KEY (installed, vulnerability)"
               ") @CLUSTERED@;"
               "CREATE INDEX finding_vulnerability ON finding (vulnerability, installed);"
               "CREATE TABLE notice (" /* other names of findings */
               " name TEXT NOT NULL,"
               " vulnerability BIGINT NOT NULL,"
               " installed BIGINT NOT NULL,"
               " PRIMARY KEY (name, installed, vulnerability)"
               ") @CLUSTERED@;"
               "CREATE INDEX installed_context ON installed (context);"
               "CREATE INDEX notice_installed ON notice (installed, vulnerability);"
               "CREATE TABLE subject (" /* a node or image that was examined */
               " number @SERIAL@,"
               " kind TEXT NOT NULL,"
               " thing TEXT NOT NULL UNIQUE,"
               " project TEXT NOT NULL,"
               " frame TEXT NOT NULL,"
               " examined BIGINT NOT NULL,"
               " facts TEXT NOT NULL,"
               " contexts TEXT NOT NULL,"
               " advisories BIGINT NOT NULL,"
               " judged BIGINT NOT NULL,"
               " uncounted BIGINT NOT NULL," /* told and counted may differ */
               " summary TEXT NOT NULL,"
               " installed @BLOB@," /* number sets: what it carries, */
               " told @BLOB@,"      /* what was said about it, */
               " counted @BLOB@"    /* what of that exposure counts; NULL: nothing */
               ");"
               "CREATE INDEX subject_project ON subject (project, thing);"
               "CREATE INDEX subject_uncounted ON subject (number) WHERE uncounted = 1;"
               "CREATE TABLE carried ("
               " installed BIGINT NOT NULL,"
               " subject BIGINT NOT NULL,"
               " PRIMARY KEY (installed, subject)"
               ") @CLUSTERED@;"
               "CREATE TABLE exposure (" /* how many things of a project have a vulnerability */
               " project TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
               " vulnerability BIGINT NOT NULL,"
               " severity BIGINT NOT NULL,"
               " things BIGINT NOT NULL,"
               " fixable BIGINT NOT NULL,"
               " PRIMARY KEY (project, vulnerability, severity)"
               ") @CLUSTERED@;"
               "CREATE INDEX exposure_vulnerability ON exposure (vulnerability, project);" },
    { "notifications",
      "ALTER TABLE job ADD COLUMN extra BIGINT NOT NULL DEFAULT 0;" /* runs beyond the usual */
      "CREATE TABLE notification ("
      " id TEXT PRIMARY KEY,"
      " project TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
      " name TEXT NOT NULL,"
      " kind TEXT NOT NULL,"     /* webhook, email */
      " url TEXT,"               /* webhook */
      " addresses TEXT,"         /* email: JSON */
      " secret TEXT,"            /* webhook: sealed */
      " events TEXT NOT NULL,"   /* JSON: kinds */
      " severity TEXT NOT NULL," /* '' all */
      " enabled BIGINT NOT NULL,"
      " created BIGINT NOT NULL,"
      " version BIGINT NOT NULL DEFAULT 1,"
      " UNIQUE (project, name)"
      ");"
      "CREATE TABLE delivery ("
      " id TEXT PRIMARY KEY,"
      " project TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
      " notification TEXT NOT NULL REFERENCES notification (id) ON DELETE CASCADE,"
      " event TEXT NOT NULL,"
      " kind TEXT NOT NULL,"
      " data TEXT NOT NULL,"
      " time BIGINT NOT NULL,"
      " job TEXT,"
      " state TEXT NOT NULL," /* new, waiting, delivered, dead */
      " attempts BIGINT NOT NULL DEFAULT 0,"
      " status BIGINT NOT NULL DEFAULT 0,"
      " reason TEXT,"
      " created BIGINT NOT NULL,"
      " finished BIGINT NOT NULL DEFAULT 0,"
      " UNIQUE (notification, event)"
      ");"
      "CREATE INDEX delivery_notification ON delivery (notification, id);"
      "CREATE INDEX delivery_project ON delivery (project);"
      "CREATE INDEX delivery_new ON delivery (id) WHERE state = 'new';"
      "CREATE INDEX delivery_finished ON delivery (finished) WHERE finished > 0;" },
    { "watched folders",
      "CREATE INDEX image_folder ON image (id) WHERE kind = 'folder';"
      "CREATE TABLE watched_folder ("
      " image TEXT PRIMARY KEY REFERENCES image (id) ON DELETE CASCADE," /* of the kind folder */
      " worker TEXT NOT NULL," /* the process that looks after it */
      " lease BIGINT NOT NULL" /* until when, unless prolonged */
      ");"
      "CREATE TABLE watched_file ("
      " folder TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE,"
      " name TEXT NOT NULL,"
      " identity TEXT NOT NULL,"         /* of the contents when it was taken */
      " image TEXT NOT NULL,"            /* that it became */
      " gone BIGINT NOT NULL DEFAULT 0," /* it is not there any more */
      " PRIMARY KEY (folder, name)"
      ");" },
    { "openstack messages", "CREATE TABLE openstack_message (" /* that must not be heeded twice */
                            " id TEXT PRIMARY KEY,"
                            " time BIGINT NOT NULL"
                            ");"
                            "CREATE INDEX openstack_message_time ON openstack_message (time);" },
    { "hooks", "CREATE TABLE hook ("
               " id TEXT PRIMARY KEY,"
               " project TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
               " name TEXT NOT NULL,"
               " kind TEXT NOT NULL," /* what it has examined: node, image */
               " thing TEXT,"         /* name, or */
               " pointer TEXT,"       /* where in a body the name is */
               " secret TEXT NOT NULL," /* sealed */
               " created BIGINT NOT NULL,"
               " version BIGINT NOT NULL DEFAULT 1,"
               " UNIQUE (project, name)"
               ");"
               "CREATE TABLE hook_call (" /* that must not be heeded twice */
               " hook TEXT NOT NULL REFERENCES hook (id) ON DELETE CASCADE,"
               " signature TEXT NOT NULL,"
               " introspection TEXT NOT NULL,"
               " time BIGINT NOT NULL,"
               " PRIMARY KEY (hook, signature)"
               ");"
               "CREATE INDEX hook_call_time ON hook_call (time);" },
    { "rate accounts", "CREATE TABLE rate_account ("
                       " name TEXT PRIMARY KEY," /* "node:ID", "image:ID", "pool:NAME" */
                       " paid BIGINT NOT NULL" /* when all that was read is paid for */
                       ");" },
    { "late drops", "CREATE TABLE late_drop (" /* of what a worker that only slept may make yet */
                    " id TEXT PRIMARY KEY,"
                    " introspection TEXT NOT NULL REFERENCES introspection (id) ON DELETE CASCADE,"
                    " handles TEXT NOT NULL,"
                    " since BIGINT NOT NULL,"
                    " due BIGINT NOT NULL"
                    ");"
                    "CREATE INDEX late_drop_due ON late_drop (due);" },
    { "completeness",
      "ALTER TABLE subject ADD COLUMN complete BIGINT NOT NULL DEFAULT 0;" /* as its summary says */
      "UPDATE subject SET complete = 1 WHERE summary LIKE '%\"complete\":true}';"
      "CREATE INDEX subject_incomplete ON subject (project, thing) WHERE complete = 0;" },
    { "turns",
      /* Of jobs with the same, one runs at a time; '' any number. */
      "ALTER TABLE job ADD COLUMN alone TEXT NOT NULL DEFAULT '';"
      "CREATE INDEX job_alone ON job (alone) WHERE state = 'running';"
      "UPDATE job SET alone = i.thing FROM introspection i"
      " WHERE i.job = job.id AND job.state IN ('queued', 'running');" },
    { "ends of cancelled jobs", /* of those without one, so that they are forgotten in the end */
      "UPDATE job SET finished = created WHERE state = 'cancelled' AND finished IS NULL;" },
    { "leftovers",
      /* What could not be dropped or cleared away is not tried again before that moment. */
      "ALTER TABLE introspection ADD COLUMN drop_due BIGINT NOT NULL DEFAULT 0;"
      "ALTER TABLE job ADD COLUMN clear_due BIGINT NOT NULL DEFAULT 0;" },
    { "questions of duties", "CREATE INDEX installed_judged ON installed (advisories);"
                             "CREATE INDEX subject_judged ON subject (advisories);"
                             "CREATE INDEX exposure_empty ON exposure (project)"
                             " WHERE things = 0 AND fixable = 0;" },
    { NULL, NULL },
};
