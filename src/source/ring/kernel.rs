//! The calls to the kernel that have no safe form: a packet socket, its options, and the memory it shares.
//!
//! The only file with `unsafe` in it. Each use says why it holds; what is read from the shared memory is
//! judged elsewhere.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::source::filter::Instruction;

/// A packet socket, which hears nothing until it is bound.
pub struct PacketSocket {
    fd: OwnedFd,
}

/// What the kernel says of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    pub index: c_int,
    /// ARPHRD: what its frames begin with.
    pub kind: u16,
    /// It is switched on.
    pub on: bool,
    /// It is switched on and has a link.
    pub running: bool,
}

/// What was lost since this was asked before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    pub packets: u32,
    /// How often the ring was full.
    pub freezes: u32,
}

impl PacketSocket {
    /// A socket for whole frames, or, `cooked`, for what follows their link header.
    pub fn open(cooked: bool) -> io::Result<PacketSocket> {
        let kind = if cooked { libc::SOCK_DGRAM } else { libc::SOCK_RAW };
        // SAFETY: no memory is passed.
        let fd = unsafe { libc::socket(libc::AF_PACKET, kind | libc::SOCK_CLOEXEC, 0) };
        check(fd)?;
        // SAFETY: it was just made and nobody else has it.
        Ok(PacketSocket { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// What the kernel says of the interface of this name.
    pub fn interface(&self, name: &str) -> io::Result<Interface> {
        // SAFETY: all bytes zero is a value of this type.
        let mut request: libc::ifreq = unsafe { zeroed() };
        let room = request.ifr_name.len() - 1;
        if name.is_empty() || name.len() > room || name.contains('\0') {
            return Err(io::Error::from_raw_os_error(libc::ENODEV));
        }
        for (place, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
            *place = libc::c_char::from_ne_bytes([byte]);
        }
        self.ask(libc::SIOCGIFINDEX, &mut request)?;
        // SAFETY: the kernel filled this member of the union.
        let index = unsafe { request.ifr_ifru.ifru_ifindex };
        self.ask(libc::SIOCGIFHWADDR, &mut request)?;
        // SAFETY: as above.
        let kind = unsafe { request.ifr_ifru.ifru_hwaddr.sa_family };
        self.ask(libc::SIOCGIFFLAGS, &mut request)?;
        // SAFETY: as above.
        let flags = c_int::from(unsafe { request.ifr_ifru.ifru_flags });
        let on = flags & libc::IFF_UP != 0;
        Ok(Interface { index, kind, on, running: on && flags & libc::IFF_RUNNING != 0 })
    }

    fn ask(&self, what: libc::Ioctl, request: &mut libc::ifreq) -> io::Result<()> {
        // SAFETY: these requests read and write one ifreq.
        check(unsafe { libc::ioctl(self.fd.as_raw_fd(), what as _, ptr::from_mut(request)) })
    }

    /// Makes the kernel put packets into a ring of `blocks` blocks of `block_size` bytes, a power of two of at
    /// least a page, and hand a block over after `block_ms` even if it isn't full.
    pub fn ring(&self, blocks: u32, block_size: u32, block_ms: u32) -> io::Result<Shared> {
        self.set(libc::SOL_PACKET, libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V3 as c_int))?;
        let request = libc::tpacket_req3 {
            tp_block_size: block_size,
            tp_block_nr: blocks,
            tp_frame_size: FRAME,
            tp_frame_nr: (block_size / FRAME).saturating_mul(blocks),
            tp_retire_blk_tov: block_ms,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        self.set(libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        Shared::map(&self.fd, blocks as usize, block_size as usize)
    }

    /// Lets only those packets through that the program passes, from now on.
    pub fn filter(&self, program: &[Instruction]) -> io::Result<()> {
        let too_long = |_| io::Error::from(io::ErrorKind::InvalidInput);
        let mut code: Vec<libc::sock_filter> =
            program.iter().map(|i| libc::sock_filter { code: i.code, jt: i.yes, jf: i.no, k: i.k }).collect();
        let program =
            libc::sock_fprog { len: u16::try_from(code.len()).map_err(too_long)?, filter: code.as_mut_ptr() };
        self.set(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
    }

    /// Asks the interface for frames that aren't for this machine, as long as the socket is open.
    pub fn promiscuous(&self, index: c_int) -> io::Result<()> {
        let request = libc::packet_mreq {
            mr_ifindex: index,
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
    }

    /// Leaves out what this machine sends (since Linux 4.20).
    pub fn ignore_outgoing(&self) -> io::Result<()> {
        self.set(libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1_i32)
    }

    /// Starts to hear an interface.
    pub fn bind(&self, index: c_int) -> io::Result<()> {
        // SAFETY: all bytes zero is a value of this type.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        address.sll_ifindex = index;
        let size = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: the address is that large and lives through the call.
        check(unsafe { libc::bind(self.fd.as_raw_fd(), ptr::from_ref(&address).cast(), size) })
    }

    /// What was lost since this was asked before.
    pub fn lost(&self) -> io::Result<Lost> {
        // SAFETY: it is plain integers.
        let stats: libc::tpacket_stats_v3 =
            unsafe { get(&self.fd, libc::SOL_PACKET, libc::PACKET_STATISTICS)? };
        Ok(Lost { packets: stats.tp_drops, freezes: stats.tp_freeze_q_cnt })
    }

    fn set<T: Copy>(&self, level: c_int, option: c_int, value: &T) -> io::Result<()> {
        let size = size_of::<T>() as libc::socklen_t;
        let value = ptr::from_ref(value).cast::<c_void>();
        // SAFETY: the value is that large and lives through the call; what it points to does, too.
        check(unsafe { libc::setsockopt(self.fd.as_raw_fd(), level, option, value, size) })
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// How many datagrams a socket has lost because nobody took them in time, since it was made.
pub fn datagrams_lost(socket: &impl AsFd) -> io::Result<u32> {
    // SAFETY: it is plain integers.
    let info: [u32; 9] = unsafe { get(socket, libc::SOL_SOCKET, libc::SO_MEMINFO)? };
    Ok(info[libc::SK_MEMINFO_DROPS as usize])
}

/// # Safety
/// All bytes must be fit for a `T`.
unsafe fn get<T: Copy>(socket: &impl AsFd, level: c_int, option: c_int) -> io::Result<T> {
    // SAFETY: the caller says so.
    let mut value: T = unsafe { zeroed() };
    let mut size = size_of::<T>() as libc::socklen_t;
    let place = ptr::from_mut(&mut value).cast::<c_void>();
    // SAFETY: the value is that large and lives through the call.
    check(unsafe { libc::getsockopt(socket.as_fd().as_raw_fd(), level, option, place, &mut size) })?;
    Ok(value)
}

fn check(status: c_int) -> io::Result<()> {
    if status < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The memory a ring shares with the kernel.
///
/// A block belongs to the kernel or to us, as its status says. While it is ours the kernel doesn't touch it.
pub struct Shared {
    start: NonNull<u8>,
    blocks: usize,
    block_size: usize,
}

impl Shared {
    fn map(socket: &OwnedFd, blocks: usize, block_size: usize) -> io::Result<Shared> {
        let size = blocks.checked_mul(block_size).ok_or(io::ErrorKind::InvalidInput)?;
        if size == 0 || block_size < STATUS + 4 || !block_size.is_multiple_of(4) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the kernel chooses where, so nothing else is there.
        let start =
            unsafe { libc::mmap(ptr::null_mut(), size, access, libc::MAP_SHARED, socket.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Shared { start, blocks, block_size })
    }

    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// The `n`th block, if it is ours; it goes back to the kernel when it is dropped.
    pub fn claim(&mut self, n: usize) -> Option<Claimed<'_>> {
        if n >= self.blocks {
            return None;
        }
        // SAFETY: the block is inside the mapping.
        let start = unsafe { self.start.add(n * self.block_size) };
        let claimed = Claimed { start, shared: self };
        if claimed.status().load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            std::mem::forget(claimed);
            return None;
        }
        Some(claimed)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this size, and no claim outlives it.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.blocks * self.block_size) };
    }
}

/// A block that is ours.
pub struct Claimed<'a> {
    start: NonNull<u8>,
    shared: &'a mut Shared,
}

impl Claimed<'_> {
    /// All its bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the block is inside the mapping, and while it is ours nobody writes to it.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.shared.block_size) }
    }

    fn status(&self) -> &AtomicU32 {
        // SAFETY: the status lies inside the block, whose start and size are multiples of four.
        unsafe { AtomicU32::from_ptr(self.start.add(STATUS).cast().as_ptr()) }
    }
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        self.status().store(libc::TP_STATUS_KERNEL, Ordering::Release);
    }
}

/// Where a block's status is in it.
const STATUS: usize = 8;

/// The kernel divides the ring by it and makes no other use of it.
const FRAME: u32 = 2_048;
