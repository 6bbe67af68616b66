//! Answers the gateway makes up itself. (pages)
