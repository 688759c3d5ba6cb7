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
    { NULL, NULL },
};
