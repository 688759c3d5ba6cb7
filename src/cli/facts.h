/* Facts of the advisory database as JSON objects, for db lookup and db export. */
#pragma once
#include "advisory/facts.h"
#include "base/json_writer.h"

/* type: member "type" of the object, NULL: none. */
void facts_write_statement(struct json_writer *w, const char *type,
                           const struct advisory_statement *s);
void facts_write_record(struct json_writer *w, const char *type, const struct advisory_record *r);
/* The members only: the object is the caller's. */
void facts_write_score(struct json_writer *w, const struct advisory_score *s);
