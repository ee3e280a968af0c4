package site

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the database, under the name "sqlite"

	"waypost/demo/site/internal/catalogue"
)

//go:embed schema.sql
var schema string

// maxOrders bounds what the shop remembers: the database lives in memory.
const maxOrders = 10_000

// shop is the stock and the orders. It is safe for concurrent use.
type shop struct {
	db   *sql.DB
	list *sql.Stmt // all products
	find *sql.Stmt // one product
	take *sql.Stmt // from the stock, if there is enough
	add  *sql.Stmt // to the stock
	sale *sql.Stmt // a purchase
	item *sql.Stmt // and what belongs to it
	old  *sql.Stmt // forgets
	read *sql.Stmt // a purchase
	its  *sql.Stmt // its items

	mu   sync.Mutex
	rand func() uint64
}

// product is a thing on sale.
type product struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Short    string `json:"short"`
	Light    string `json:"light"`
	Cents    int64  `json:"cents"`
	Currency string `json:"currency"`
	Stock    int64  `json:"stock"`
	Page     string `json:"page"`
}

// openShop makes the database and fills the shelves.
func openShop(ctx context.Context, rand func() uint64) (*shop, error) {
	db, err := sql.Open("sqlite", "file::memory:?_pragma=foreign_keys(1)")
	if err != nil {
		return nil, err
	}
	// A database in memory is that of its connection: there is one, for ever.
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	s := &shop{db: db, rand: rand}
	if err := s.fill(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

func (s *shop) fill(ctx context.Context) error {
	if _, err := s.db.ExecContext(ctx, schema); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&s.list, `SELECT id, name, short, light, cents, stock FROM product ORDER BY position`},
		{&s.find, `SELECT id, name, short, light, cents, stock FROM product WHERE id = ?`},
		{&s.take, `UPDATE product SET stock = stock - ?2 WHERE id = ?1 AND stock >= ?2 RETURNING name, cents, stock`},
		{&s.add, `UPDATE product SET stock = stock + ?2 WHERE id = ?1 RETURNING name, cents, stock`},
		{&s.sale, `INSERT INTO purchase (id, placed, name, harbour, cents) VALUES (?, ?, ?, ?, ?)`},
		{&s.item, `INSERT INTO item (purchase, product, quantity) VALUES (?, ?, ?)`},
		{&s.old, `DELETE FROM purchase WHERE number <= ?`},
		{&s.read, `SELECT number, id, placed, name, harbour, cents FROM purchase WHERE id = ?`},
		{&s.its, `SELECT product, quantity FROM item WHERE purchase = ? ORDER BY product`},
	} {
		stmt, err := s.db.PrepareContext(ctx, p.text)
		if err != nil {
			return fmt.Errorf("prepare %s: %w", p.text, err)
		}
		*p.stmt = stmt
	}
	for i, p := range catalogue.Products() {
		if _, err := s.db.ExecContext(ctx, `INSERT INTO product (id, position, name, short, light, cents, stock) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			p.ID, i, p.Name, p.Short, p.Light, p.Cents, p.Stock); err != nil {
			return fmt.Errorf("shelve %s: %w", p.ID, err)
		}
	}
	return nil
}

func (s *shop) close() error { return s.db.Close() }

// products returns everything on sale, in the order of the shelves.
func (s *shop) products(ctx context.Context) ([]product, error) {
	rows, err := s.list.QueryContext(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []product
	for rows.Next() {
		p, err := scanProduct(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

// errNone says that there is no such thing.
var errNone = errors.New("no such thing")

func (s *shop) product(ctx context.Context, id string) (product, error) {
	p, err := scanProduct(s.find.QueryRowContext(ctx, id))
	if errors.Is(err, sql.ErrNoRows) {
		return p, errNone
	}
	return p, err
}

func scanProduct(row interface{ Scan(...any) error }) (product, error) {
	p := product{Currency: "EUR"}
	err := row.Scan(&p.ID, &p.Name, &p.Short, &p.Light, &p.Cents, &p.Stock)
	p.Page = "/products/" + p.ID + "/"
	return p, err
}

// change is what became of a product's stock.
type change struct {
	Product string    `json:"product"`
	Stock   int64     `json:"stock"`
	Text    string    `json:"text"`
	Time    time.Time `json:"time"`
}

// shortage says that there is not enough of a product.
type shortage struct {
	product   string
	have      int64
	available bool // there is such a product at all
}

func (e *shortage) Error() string {
	if !e.available {
		return "there is no " + e.product
	}
	return fmt.Sprintf("only %d of %s are left", e.have, e.product)
}

// place takes an order's items from the stock and writes the order down, all
// of it or nothing. The error is a *shortage when an item cannot be had.
func (s *shop) place(ctx context.Context, o order) (placed, []change, error) {
	p := placed{order: o, ID: s.number(), Placed: time.Now().UTC().Truncate(time.Second), Currency: "EUR"}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return p, nil, err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	var changes []change
	for _, it := range o.Items {
		c, cents, err := move(ctx, tx.StmtContext(ctx, s.take), it.Product, it.Quantity)
		if errors.Is(err, sql.ErrNoRows) {
			return p, nil, s.shortage(ctx, tx, it.Product)
		} else if err != nil {
			return p, nil, err
		}
		c.Text = fmt.Sprintf("%d × %s left the quay", it.Quantity, c.Text)
		p.Cents += cents * it.Quantity
		changes = append(changes, c)
	}
	res, err := tx.StmtContext(ctx, s.sale).ExecContext(ctx, p.ID, p.Placed.Format(time.RFC3339), o.Name, o.Harbour, p.Cents)
	if err != nil {
		return p, nil, err
	}
	number, err := res.LastInsertId()
	if err != nil {
		return p, nil, err
	}
	for _, it := range o.Items {
		if _, err := tx.StmtContext(ctx, s.item).ExecContext(ctx, number, it.Product, it.Quantity); err != nil {
			return p, nil, err
		}
	}
	if _, err := tx.StmtContext(ctx, s.old).ExecContext(ctx, number-maxOrders); err != nil {
		return p, nil, err
	}
	return p, changes, tx.Commit()
}

// move changes a stock; the change's text is the product's name.
func move(ctx context.Context, stmt *sql.Stmt, id string, quantity int64) (c change, cents int64, err error) {
	c = change{Product: id, Time: time.Now().UTC()}
	err = stmt.QueryRowContext(ctx, id, quantity).Scan(&c.Text, &cents, &c.Stock)
	return c, cents, err
}

func (s *shop) shortage(ctx context.Context, tx *sql.Tx, id string) error {
	p, err := scanProduct(tx.StmtContext(ctx, s.find).QueryRowContext(ctx, id))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return &shortage{product: id}
	case err != nil:
		return err
	}
	return &shortage{product: id, have: p.Stock, available: true}
}

// placedOrder returns an order that was placed.
func (s *shop) placedOrder(ctx context.Context, id string) (placed, error) {
	p := placed{Currency: "EUR"}
	var number int64
	var at string
	err := s.read.QueryRowContext(ctx, id).Scan(&number, &p.ID, &at, &p.Name, &p.Harbour, &p.Cents)
	if errors.Is(err, sql.ErrNoRows) {
		return p, errNone
	} else if err != nil {
		return p, err
	}
	if p.Placed, err = time.Parse(time.RFC3339, at); err != nil {
		return p, err
	}
	rows, err := s.its.QueryContext(ctx, number)
	if err != nil {
		return p, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var it item
		if err := rows.Scan(&it.Product, &it.Quantity); err != nil {
			return p, err
		}
		p.Items = append(p.Items, it)
	}
	return p, rows.Err()
}

// number makes an order's number, which nobody can guess: who knows it may
// read the order.
func (s *shop) number() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("SM-%016X", s.rand())
}

// tide moves one product by itself: some leave, and where few are left, some
// come in.
func (s *shop) tide(ctx context.Context) (change, error) {
	all, err := s.products(ctx)
	if err != nil {
		return change{}, err
	}
	s.mu.Lock()
	p, n := all[s.rand()%uint64(len(all))], int64(1+s.rand()%3)
	s.mu.Unlock()
	const low, delivery = 5, 12
	if p.Stock < low {
		c, _, err := move(ctx, s.add, p.ID, delivery)
		c.Text = fmt.Sprintf("%d × %s came in", delivery, c.Text)
		return c, err
	}
	c, _, err := move(ctx, s.take, p.ID, n)
	c.Text = fmt.Sprintf("%d × %s left the quay", n, c.Text)
	return c, err
}
