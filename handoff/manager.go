package handoff

import "time"

// Manager is what a program sees of the maintenance of its client: the notification hooks, the timeline, the counters and the
// reports. All methods may be called from several goroutines at once, and none blocks.
type Manager struct {
	engine *Engine
}

// Phase returns the kind of maintenance that goes on, the most serious one if there are several; KindNone if none does.
func (m *Manager) Phase() Kind {
	e := m.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.windows.phase(time.Now())
}

// Timeline returns the events of this Manager.
func (m *Manager) Timeline() *Timeline { return &m.engine.timeline }

// Stats returns the counters, and how many jobs run and windows are open at this moment.
func (m *Manager) Stats() Stats {
	e := m.engine
	s := e.timeline.stats()
	s.Capability = e.capability.get()
	s.Jobs = e.mover.jobs()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.windows.expire(time.Now())
	s.Windows = len(e.windows.current)
	return s
}

// AddNotificationHook adds a hook behind those added before; it sees what comes from then on. A hook cannot be taken back.
func (m *Manager) AddNotificationHook(h NotificationHook) { m.engine.dispatcher.add(h) }

// RelaxedUntil returns until when timeouts are relaxed, unless the server says earlier that an operation is over. It is zero if
// they are not relaxed.
func (m *Manager) RelaxedUntil() time.Time {
	if until := m.engine.relaxedUntil.Load(); until != nil && time.Now().Before(*until) {
		return *until
	}
	return time.Time{}
}

// Reports returns how the last 32 windows went, oldest first, open ones included.
func (m *Manager) Reports() []Report { return m.engine.reports.all() }
