//! End to end: the real program, real clients and servers over loopback. One binary, so that it links once.

mod answers;
mod cli;
mod delivery;
mod durability;
mod faults;
mod peers;
mod proxy;
mod support;
