/* What an inspector can be asked to do: one function a task. */
#pragma once
#include "inspect/hasher.h"
#include "inspect/inspection.h"
#include "inspect/request.h"

/* Loads what the request's task needs from the host, before the sandbox closes. *hasher: what
 * hashes files, hasher_free(); NULL when the task does not. */
bool tasks_prepare(const struct request *r, struct hasher **hasher, GError **error);

/* disks: struct survey_disk *. */
bool task_frame(const struct request *r, struct emitter *e, GPtrArray *disks, struct hasher *hasher,
                GError **error);
bool task_list(const struct request *r, struct emitter *e, GPtrArray *disks, struct hasher *hasher,
               GError **error);
bool task_copy_file(const struct request *r, struct emitter *e, GPtrArray *disks, GError **error);
bool task_copy_disk(struct emitter *e, GPtrArray *disks, GError **error);
