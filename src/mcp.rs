//! The words of the Model Context Protocol: methods, versions, headers of every revision.
