extension Simulation {
    /// A loop of events without any device: five places hand a message on. It calibrates the machine.
    package static func bareLoop(events: UInt64, _ counts: inout [UInt64]) -> UInt64 {
        var queue = EventQueue<Int>()
        var draw = KeyedStream(seed: 1, .delay)
        for place in counts.indices { queue.push(place, at: TrueTime(Nanoseconds(place))) }
        var done: UInt64 = 0
        var check: UInt64 = 0
        while done < events, let next = queue.pop() {
            done &+= 1
            counts[next.payload] &+= 1
            check = check &* 31 &+ UInt64(bitPattern: next.time.nanoseconds)
            queue.push((next.payload + 1) % counts.count, at: next.time + draw.between(1000, 2000))
        }
        return check
    }
}
