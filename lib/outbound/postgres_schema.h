// The tables of an outbound store in PostgreSQL. Inside this component.
#pragma once

#include "postgres/shared_store.h"

namespace starttls::outbound {

const postgres::SharedStoreKind& shared_store_kind();

}  // namespace starttls::outbound
