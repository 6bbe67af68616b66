//! The columns of an event, derived once for every store. (journal)
