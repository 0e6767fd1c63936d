package remotestock

import "onsale/lua"

// The scripts by the names that hooks, logs and errors use.
var (
	openScript     = lua.NewScript("open", lua.Open)
	deductScript   = lua.NewScript("deduct", lua.Deduct)
	joinScript     = lua.NewScript("join", lua.Join)
	resolveScript  = lua.NewScript("resolve", lua.Resolve)
	paymentsScript = lua.NewScript("payments", lua.Payments)
	orphanScript   = lua.NewScript("orphan", lua.Orphan)
	bindScript     = lua.NewScript("bind", lua.Bind)
	partScript     = lua.NewScript("part", lua.Part)
	settleScript   = lua.NewScript("settle", lua.Settle)
	refillScript   = lua.NewScript("refill", lua.Refill)
	readScript     = lua.NewScript("read", lua.Read)
	advanceScript  = lua.NewScript("advance", lua.Advance)
	drawScript     = lua.NewScript("draw", lua.Draw)
	planScript     = lua.NewScript("plan", lua.Plan)
	restockScript  = lua.NewScript("restock", lua.Restock)
	closeScript    = lua.NewScript("close", lua.Close)
	changeScript   = lua.NewScript("change", lua.Change)
	findScript     = lua.NewScript("find", lua.Find)
	shutScript     = lua.NewScript("shut", lua.Shut)
	pageScript     = lua.NewScript("page", lua.Page)
	forgetScript   = lua.NewScript("forget", lua.Forget)
	archiveScript  = lua.NewScript("archive", lua.Archive)
	snapshotScript = lua.NewScript("snapshot", lua.Snapshot)
	adoptScript    = lua.NewScript("adopt", lua.Adopt)
	putScript      = lua.NewScript("put", lua.Put)
	touchScript    = lua.NewScript("touch", lua.Touch)
	nodeScript     = lua.NewScript("node", lua.Node)
)
