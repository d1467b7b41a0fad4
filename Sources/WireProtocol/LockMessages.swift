import DeviceCore
import Locks
import Primitives

extension LockCommand {
    var wire: WireLockCommand {
        WireLockCommand.with {
            switch self {
            case .acquire(let name, let device, let ttl, let waits):
                $0.name = name.text
                $0.acquire = .with {
                    $0.device = Write.device(device)
                    $0.ttl = Write.duration(ttl)
                    $0.waits = waits
                }
            case .release(let name, let token):
                $0.name = name.text
                $0.release = token.wire
            case .transfer(let name, let token, let to):
                $0.name = name.text
                $0.transfer = .with {
                    $0.device = Write.device(to)
                    $0.token = token.wire
                }
            case .expire(let name, let token, let term):
                $0.name = name.text
                $0.expire = .with {
                    $0.token = token.wire
                    $0.term = term.number
                }
            case .cancel(let name, let device):
                $0.name = name.text
                $0.cancel = Write.device(device)
            case .forget(let device):
                $0.forget = Write.device(device)
            }
        }
    }

    init(_ wire: WireLockCommand) throws(WireError) {
        switch wire.command {
        case .acquire(let acquire):
            self = .acquire(
                try Read.lockName(wire.name), device: try Read.device(acquire.device, "acquire.device"),
                ttl: try Read.duration(acquire.ttl, "acquire.ttl"), waits: acquire.waits)
        case .release(let token):
            self = .release(try Read.lockName(wire.name), token: try FencingToken(token, "release"))
        case .transfer(let transfer):
            try Read.present(transfer.hasToken, "transfer.token")
            self = .transfer(
                try Read.lockName(wire.name), token: try FencingToken(transfer.token, "transfer.token"),
                to: try Read.device(transfer.device, "transfer.device"))
        case .expire(let expire):
            try Read.present(expire.hasToken, "expire.token")
            self = .expire(
                try Read.lockName(wire.name), token: try FencingToken(expire.token, "expire.token"),
                term: Term(try Read.number(expire.term, "expire.term")))
        case .cancel(let device):
            self = .cancel(try Read.lockName(wire.name), device: try Read.device(device, "cancel"))
        case .forget(let device):
            self = .forget(try Read.device(device, "forget"))
        case nil:
            throw .unsupported("lock command")
        }
    }
}

extension Grant {
    var wire: WireGrant {
        WireGrant.with {
            $0.holder = Write.device(holder)
            $0.token = token.wire
            $0.ttl = Write.duration(ttl)
        }
    }

    init(_ wire: WireGrant) throws(WireError) {
        try Read.present(wire.hasToken, "grant.token")
        self.init(
            holder: try Read.device(wire.holder, "grant.holder"), token: try FencingToken(wire.token, "grant.token"),
            ttl: try Read.duration(wire.ttl, "grant.ttl"))
    }
}

extension LockRefusal {
    var wire: WireLockRefusal {
        WireLockRefusal.with {
            switch self {
            case .held(let grant): $0.held = grant.wire
            case .staleToken(let current, let given):
                $0.staleToken = .with {
                    if let current { $0.current = current.wire }
                    $0.given = given.wire
                }
            case .notHeld: $0.notHeld = WireNothing()
            case .staleTerm: $0.staleTerm = WireNothing()
            case .tooMany(.locks): $0.tooManyLocks = WireNothing()
            case .tooMany(.waiters): $0.tooManyWaiters = WireNothing()
            case .badTTL: $0.badTtl = WireNothing()
            }
        }
    }

    init(_ wire: WireLockRefusal) throws(WireError) {
        switch wire.refusal {
        case .held(let grant): self = .held(by: try Grant(grant))
        case .staleToken(let stale):
            try Read.present(stale.hasGiven, "given token")
            self = .staleToken(
                current: try FencingToken.read(stale.current, if: stale.hasCurrent, "current token"),
                given: try FencingToken(stale.given, "given token"))
        case .notHeld: self = .notHeld
        case .staleTerm: self = .staleTerm
        case .tooManyLocks: self = .tooMany(.locks)
        case .tooManyWaiters: self = .tooMany(.waiters)
        case .badTtl: self = .badTTL
        case nil: throw .unsupported("lock refusal")
        }
    }
}

extension LeaseRenewal {
    var wire: WireRenewal {
        WireRenewal.with {
            $0.name = name.text
            $0.token = token.wire
        }
    }

    init(_ wire: WireRenewal) throws(WireError) {
        try Read.present(wire.hasToken, "renewal.token")
        self.init(name: try Read.lockName(wire.name), token: try FencingToken(wire.token, "renewal.token"))
    }
}

extension LeaseHolder {
    var wire: WireLeaseHolder {
        WireLeaseHolder.with {
            $0.device = Write.device(device)
            $0.token = token.wire
        }
    }

    init(_ wire: WireLeaseHolder) throws(WireError) {
        try Read.present(wire.hasToken, "holder.token")
        self.init(
            device: try Read.device(wire.device, "holder.device"),
            token: try FencingToken(wire.token, "holder.token"))
    }
}

extension LeaseAnswer {
    var wire: WireLeaseAnswer {
        WireLeaseAnswer.with {
            $0.name = name.text
            if let current { $0.current = current.wire }
        }
    }

    init(_ wire: WireLeaseAnswer) throws(WireError) {
        self.init(
            name: try Read.lockName(wire.name), current: wire.hasCurrent ? try LeaseHolder(wire.current) : nil)
    }
}
